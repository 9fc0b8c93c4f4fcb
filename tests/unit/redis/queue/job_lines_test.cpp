#include "components/redis/server/job_lines.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields job(const std::string& line) {
  StreamEntry entry;
  parse_job_line(line, entry);
  CHECK(entry.id == "*");
  return entry.fields;
}

std::string refusal(const std::string& line) {
  StreamEntry entry;
  const Error error = error_of([&] { parse_job_line(line, entry); });
  CHECK(error.code() == ExitCode::usage);
  return error.message();
}

std::string problem(const std::vector<std::string>& forms, Fields fields) {
  return JobForms(forms).problem({"*", std::move(fields)});
}

}  // namespace

TEST_CASE("job lines: text as it is, everything else as its own JSON text") {
  CHECK(job(R"({"job_id":"1","job_type":"build"})") == Fields{{"job_id", "1"}, {"job_type", "build"}});
  CHECK(job(R"(  { "n" : 1.50 , "t":true,"big":123456789012345678901234567890 } )") ==
        Fields{{"n", "1.50"}, {"t", "true"}, {"big", "123456789012345678901234567890"}});
  CHECK(job(R"({"payload":{"a": [1,"}]"], "b":"\""},"x":[]})") ==
        Fields{{"payload", R"({"a": [1,"}]"], "b":"\""})"}, {"x", "[]"}});
  CHECK(job(R"({"e":"\"\\\/\b\f\n\r\t","u":"\u00e9\ud83d\ude00","z":"\u0000"})") ==
        Fields{{"e", "\"\\/\b\f\n\r\t"}, {"u", "é😀"}, {"z", std::string(1, '\0')}});
  CHECK(job("{\"é\":\"ü\"}") == Fields{{"é", "ü"}});
}

TEST_CASE("job lines: the memory of the job before is used again, its fields are not") {
  StreamEntry entry;
  parse_job_line(R"({"a":"1","b":"2"})", entry);
  parse_job_line(R"({"c":"3"})", entry);
  CHECK(entry.fields == Fields{{"c", "3"}});
}

TEST_CASE("job lines: what is not a job is refused") {
  for (const char* const line : {"",
                                 "{",
                                 "[]",
                                 "1",
                                 "{}",
                                 R"({"a"})",
                                 R"({"a":})",
                                 R"({"a":1)",
                                 R"({"a":1,})",
                                 R"({"a":1}x)",
                                 R"({"a":01})",
                                 R"({"a":nul})",
                                 R"({"a":{"b":1})",
                                 R"({"a":[1,]})",
                                 R"({"a":"\x"})",
                                 R"({"a":"\ud800"})",
                                 R"({"a":"\udc00"})",
                                 R"({"a":"\u12"})",
                                 "{\"a\":\"\x01\"}",
                                 "{\"a\":\"\xff\"}",
                                 "{\"a\":\"b",
                                 R"({a:1})",
                                 R"({"a":1,"a":2})",
                                 R"({"a":null})",
                                 R"({"a":"\ud800\u0041"})"}) {
    CAPTURE(line);
    CHECK(!refusal(line).empty());
  }
  CHECK(has(refusal(R"({"a":1,"a":2})"), "twice"));
  CHECK(has(refusal(R"({"a":null})"), "null"));
}

TEST_CASE("job forms: one of them has to hold, and the problem is that of the one that was meant") {
  const std::vector<std::string> forms = {"job_id job_type payload", "job={}"};
  CHECK(problem(forms, {{"job_id", "1"}, {"job_type", "build"}, {"payload", "{}"}}) == "");
  CHECK(problem(forms, {{"payload", "x"}, {"job_type", "build"}, {"job_id", "1"}, {"priority", "9"}}) == "");
  CHECK(problem(forms, {{"job", R"({"id": 1})"}}) == "");
  CHECK(problem(forms, {{"job_id", "1"}, {"payload", "{}"}}) == "field job_type is missing");
  CHECK(problem(forms, {{"job", "[]"}}) == "field job is not a JSON object");
  CHECK(problem(forms, {{"job", "{broken"}}) == "field job is not a JSON object");
  CHECK(problem(forms, {{"other", "1"}}) == "field job_id is missing");
  CHECK(problem({}, {{"anything", "goes"}}) == "");
}

TEST_CASE("export lines: every entry comes back byte for byte") {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  const std::vector<StreamEntry> entries = {
      {"1-0", {{"a", "b"}}},
      {"2-18446744073709551615", {{"text", "\" \\ \n \x01 é 😀"}, {"", ""}}},
      {"3-0", {{"bytes", all_bytes}}},
      {"4-0", {{all_bytes, ""}}},
      {"5-0", {{"twice", "1"}, {"twice", "2"}}},
  };
  for (const StreamEntry& entry : entries) {
    std::string line;
    append_export_line(line, entry);
    CAPTURE(line);
    CHECK(line.find('\n') == line.size() - 1);
    StreamEntry back;
    parse_export_line(line.substr(0, line.size() - 1), back);
    CHECK(back.id == entry.id);
    CHECK(back.fields == entry.fields);
  }
  std::string line;
  append_export_line(line, entries.front());
  CHECK(line == "{\"id\":\"1-0\",\"fields\":{\"a\":\"b\"}}\n");
}

TEST_CASE("export lines: what is no exported job is refused") {
  for (const char* const line :
       {R"({"a":"b"})", R"({"id":"1-0"})", R"({"fields":{"a":"b"}})", R"({"id":"x","fields":{"a":"b"}})",
        R"({"id":"1-0","base64":["YQ=="]})", R"({"id":"1-0","base64":["!","YQ=="]})",
        R"({"id":"1-0","fields":{"a":"b"},"base64":["YQ==","YQ=="]})"}) {
    CAPTURE(line);
    StreamEntry entry;
    CHECK(error_of([&] { parse_export_line(line, entry); }).code() == ExitCode::usage);
  }
}

TEST_CASE("stream IDs: parsed, compared and written") {
  CHECK(parse_stream_id("5")->text() == "5-0");
  CHECK(*parse_stream_id("9-10") > *parse_stream_id("9-9"));
  CHECK(*parse_stream_id("10-0") > *parse_stream_id("9-18446744073709551615"));
  for (const char* const text : {"", "-", "+", "1-", "-1", "1-2-3", "a", "18446744073709551616", "1 "}) {
    CAPTURE(text);
    CHECK(!parse_stream_id(text));
  }
}

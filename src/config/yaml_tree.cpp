#include "config/yaml_tree.hpp"

#include "base/strings.hpp"
#include "config/yaml_guard.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace raibid {

namespace {

using Kind = YamlNode::Kind;

// what aliases may blow a document up to: a value costs its text and what a node takes beside it
constexpr std::size_t node_cost = 128;
constexpr std::size_t largest_cost = node_cost * yaml_limits::values;

std::size_t cost_of(const YamlNode& node) {
  std::size_t cost = node_cost + node.text.size();
  for (const YamlNode& item : node.items) cost += cost_of(item);
  for (const YamlEntry& entry : node.entries) cost += entry.key.size() + cost_of(entry.value);
  return cost;
}

int depth_of(const YamlNode& node) {
  int below = 0;
  for (const YamlNode& item : node.items) below = std::max(below, depth_of(item));
  for (const YamlEntry& entry : node.entries) below = std::max(below, depth_of(entry.value));
  return node.is(Kind::list) || node.is(Kind::map) ? below + 1 : 0;
}

/// Builds the tree from yaml-cpp's events. YAML::Load would keep several hundred bytes for each value, and the last of
/// two equal keys without a word.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& origin) : m_origin(origin) {}

  YamlNode take() { return std::move(m_root); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (m_seen_document) fail(mark, "a second document (---): only one is read");
    m_seen_document = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, node(Kind::null, mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = m_anchors.find(anchor);
    if (found == m_anchors.end()) fail(mark, "an alias inside of what it stands for");
    spend(mark, cost_of(found->second));
    check_depth(mark, static_cast<int>(m_open.size()) + depth_of(found->second));
    YamlNode copy = found->second;
    copy.line = line_of(mark);
    place(mark, std::move(copy));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode scalar = node(Kind::scalar, mark);
    check_tag(mark, tag);
    scalar.plain = tag != "!" && tag != "tag:yaml.org,2002:str";
    scalar.text = value;
    add(mark, std::move(scalar), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Kind::list, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Kind::map, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or mapping that is not complete yet.
  struct Open {
    YamlNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::unordered_map<std::string, int> lines = {};  ///< of its keys
  };

  static int line_of(const YAML::Mark& mark) { return mark.is_null() ? 1 : mark.line + 1; }

  static YamlNode node(Kind kind, const YAML::Mark& mark) {
    YamlNode made;
    made.kind = kind;
    made.line = line_of(mark);
    return made;
  }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    fail_at(m_origin, line_of(mark), message);
  }

  void spend(const YAML::Mark& mark, std::size_t cost) {
    m_cost += cost;
    if (m_cost > largest_cost) fail(mark, fmt::format("more than {} values", yaml_limits::values));
  }

  void check_depth(const YAML::Mark& mark, int depth) const {
    if (depth > yaml_limits::depth) fail(mark, fmt::format("nested more than {} deep", yaml_limits::depth));
  }

  /// The tags of YAML's own types say nothing new about settings, except that !!str is what quotes are.
  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    constexpr std::string_view standard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!") return;
    const std::string_view name = tag.starts_with(standard) ? std::string_view(tag).substr(standard.size()) : "";
    for (const std::string_view known : {"str", "int", "float", "bool", "null", "seq", "map"}) {
      if (name == known) return;
    }
    fail(mark, fmt::format("the tag {} is not known", tag));
  }

  void open(const YAML::Mark& mark, Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    spend(mark, node_cost);
    m_open.push_back(Open{node(kind, mark), mark, anchor});
    check_depth(mark, static_cast<int>(m_open.size()));
  }

  void close() {
    Open done = std::move(m_open.back());
    m_open.pop_back();
    remember(done.mark, done.anchor, done.node);
    place(done.mark, std::move(done.node));
  }

  void add(const YAML::Mark& mark, YamlNode&& value, YAML::anchor_t anchor) {
    spend(mark, node_cost + value.text.size());
    remember(mark, anchor, value);
    place(mark, std::move(value));
  }

  void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const YamlNode& value) {
    if (anchor == YAML::NullAnchor) return;
    spend(mark, cost_of(value));
    m_anchors[anchor] = value;
  }

  void place(const YAML::Mark& mark, YamlNode&& value) {
    if (m_open.empty()) {
      m_root = std::move(value);
      return;
    }
    Open& parent = m_open.back();
    if (parent.node.is(Kind::list)) {
      parent.node.items.push_back(std::move(value));
    } else if (parent.has_key) {
      YamlEntry& entry = parent.node.entries.back();
      entry.value = std::move(value);
      if (entry.value.is(Kind::null)) entry.value.line = entry.line;  // yaml-cpp puts what is missing on the next line
      parent.has_key = false;
    } else {
      place_key(mark, parent, std::move(value));
    }
  }

  void place_key(const YAML::Mark& mark, Open& parent, YamlNode&& key) {
    if (!key.is(Kind::scalar)) fail(mark, fmt::format("a key that is {}", kind_name(key)));
    const auto [known, is_new] = parent.lines.emplace(key.text, key.line);
    if (!is_new) fail(mark, fmt::format("{} is given twice, first on line {}", in_quotes(key.text), known->second));
    parent.node.entries.push_back(YamlEntry{std::move(key.text), key.plain, key.line, {}});
    parent.has_key = true;
  }

  const std::string& m_origin;
  YamlNode m_root;
  std::vector<Open> m_open;
  std::map<YAML::anchor_t, YamlNode> m_anchors;
  std::size_t m_cost = 0;
  bool m_seen_document = false;
};

}  // namespace

YamlNode parse_yaml_tree(std::string_view text, const std::string& origin) {
  guard_yaml(text, origin);
  // yaml-cpp takes a quote that is never closed for closed where the last line ends; a comment behind it tells them
  // apart
  std::istringstream stream(std::string(text) + (text.ends_with('\n') ? "#" : ""));
  TreeBuilder builder(origin);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    fail_at(origin, error.mark.is_null() ? 1 : error.mark.line + 1, "not YAML: " + error.msg);
  }
  return builder.take();
}

bool is_yaml_true(const YamlNode& node) {
  return node.is(Kind::scalar) && node.plain && (node.text == "true" || node.text == "True" || node.text == "TRUE");
}

bool is_yaml_false(const YamlNode& node) {
  return node.is(Kind::scalar) && node.plain && (node.text == "false" || node.text == "False" || node.text == "FALSE");
}

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a mapping";
  }
  return "";
}

}  // namespace raibid

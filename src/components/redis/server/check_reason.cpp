#include "components/redis/server/check_reason.hpp"

#include <array>

namespace raibid {

namespace {

/// In the order of the enum.
constexpr auto reason_texts = std::to_array<std::string_view>({
    "",
    "BadCertificate",
    "BeingDeleted",
    "Changed",
    "Disagree",
    "Drifted",
    "Evicts",
    "Failed",
    "Filling",
    "Forbidden",
    "Full",
    "InUse",
    "IsReplica",
    "JobsLost",
    "LeadsElsewhere",
    "LeadsNowhere",
    "LimitPassed",
    "Loading",
    "Missing",
    "NoRoom",
    "NodeIsSilent",
    "NotAnswering",
    "NotBound",
    "NotDeployed",
    "NotInSync",
    "NotPermitted",
    "NotReady",
    "NotWritable",
    "OnOneNode",
    "ScaledToZero",
    "Slow",
    "Stopped",
    "Suspended",
    "TooLong",
    "Unfinished",
    "UnknownLag",
    "UnknownUser",
    "Unreachable",
    "Unreadable",
    "WriteFailed",
});
static_assert(static_cast<std::size_t>(CheckReason::write_failed) + 1 == reason_texts.size());
static_assert(!reason_texts.back().empty(), "a reason has no word");

}  // namespace

std::string_view reason_word(CheckReason reason) { return reason_texts.at(static_cast<std::size_t>(reason)); }

std::vector<std::string_view> reason_words() { return {reason_texts.begin() + 1, reason_texts.end()}; }

}  // namespace raibid

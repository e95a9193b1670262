#include "cli/internal/session.h"
#include "codec/json.h"

#include <fmt/format.h>

#include <array>

namespace cordon::cli::internal {
namespace {

constexpr std::array<std::string_view, 9> kSums = {"requests",      "blocked",    "tokens_in",
                                                   "tokens_cached", "tokens_out", "exact",
                                                   "estimated",     "unknown",    "unpriced"};

std::string text_of(const codec::Json& amount) {
  return amount.is_string() ? amount.get<std::string>() : "?";
}

/// `1.25 USD`, or several, or `-`.
std::string money(const codec::Json& sums) {
  std::string text;
  const codec::Json cost = sums.value("cost", codec::Json::object());
  for (const auto& [currency, amount] : cost.items()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", text_of(amount), currency);
  }
  return text.empty() ? "-" : text;
}

void print_usage(Session& session, const codec::Json& usage) {
  Table table({"NAME", "REQUESTS", "BLOCKED", "IN", "CACHED", "OUT", "COST", "EXACT", "ESTIMATED",
               "UNKNOWN", "UNPRICED"});
  const auto add = [&table](const std::string& name, const codec::Json& sums) {
    table.add({name, show(sums, "requests"), show(sums, "blocked"), show(sums, "tokens_in"),
               show(sums, "tokens_cached"), show(sums, "tokens_out"), money(sums),
               show(sums, "exact"), show(sums, "estimated"), show(sums, "unknown"),
               show(sums, "unpriced")});
  };
  for (const codec::Json& item : usage.value("items", codec::Json::array())) {
    add(show(item, "name"), item);
  }
  add("total", usage.value("total", codec::Json::object()));
  session.print(table.text(session.width()));
  session.note(fmt::format("by {}, since {}", show(usage, "by"), show(usage, "from", Show::time)));
  if (!usage.value("whole", true)) {
    session.note("What was used before that is not kept: sum the log's entries instead.");
  }
  if (usage.contains("left_out")) {
    session.note(
        fmt::format("{} groups are not listed; the total has them", show(usage, "left_out")));
  }
}

/// RFC 4180. A name that a spreadsheet would take for a formula gets an apostrophe before it.
std::string cell(std::string text) {
  if (!text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos) {
    text.insert(0, 1, '\'');
  }
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

/// A line for each group and currency; what is no money stands in the first of a group.
void print_csv(Session& session, const codec::Json& usage) {
  std::string out = show(usage, "by");
  for (const std::string_view key : kSums) out += fmt::format(",{}", key);
  out += ",cost,currency\r\n";
  for (const codec::Json& item : usage.value("items", codec::Json::array())) {
    const codec::Json cost = item.value("cost", codec::Json::object());
    bool first = true;
    const auto line = [&](const std::string& amount, const std::string& currency) {
      out += cell(show(item, "name"));
      for (const std::string_view key : kSums) out += "," + (first ? show(item, key) : "0");
      out += fmt::format(",{},{}\r\n", cell(amount), cell(currency));
      first = false;
    };
    for (const auto& [currency, amount] : cost.items()) line(text_of(amount), currency);
    if (first) line("", "");
  }
  session.print(out);
}

Done usage(Session& session, const Values& values) {
  const std::string target = "/api/v1/usage?" + query("since", values.text_or("since", "24h")) +
                             "&" + query("by", values.text_or("by", "tenant"));
  return session.show(session.get(target), values.flag("csv") ? print_csv : print_usage);
}

}  // namespace

std::vector<Command> usage_commands() {
  return {
      {.path = "usage",
       .summary = "Requests, tokens and cost by tenant, key, route, model, provider or day",
       .example = "usage --since 24h --by tenant",
       .parameters = {{Form::option, Presence::optional, "since", "TIME",
                       "from when on, like 24h or an RFC 3339 time; rounded down to an hour"},
                      {Form::option,
                       Presence::optional,
                       "by",
                       "WHAT",
                       "what the sums are grouped by; tenant unless given",
                       {"tenant", "key", "route", "model", "provider", "day"}},
                      {Form::flag, Presence::optional, "csv", "", "print RFC 4180 lines"}},
       .run = usage},
  };
}

}  // namespace cordon::cli::internal

#include "journal/journal.h"

#include "cli/internal/session.h"
#include "model/entry.h"

#include <limits>

namespace cordon::cli::internal {
namespace {

constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::int64_t>::max();

/// What a reader looks for first in an entry of any kind.
std::string gist(const codec::Json& body) {
  std::string out;
  for (const std::string_view key :
       {"event", "end", "action", "reason", "scope", "route", "tenant", "model", "incident",
        "number", "detector", "class", "name", "command", "act", "summary"}) {
    const std::string value = show(body, key);
    if (value == "-") continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key, value);
  }
  return out;
}

struct Filter {
  std::string kind;
  std::uint64_t limit = kAnyNumber;
};

Done print_entries(Session& session, journal::Reader reader, const Filter& filter, bool raw) {
  std::uint64_t printed = 0;
  while (printed < filter.limit) {
    const std::uint64_t sequence = reader.position();
    CORDON_TRY(const auto entry, reader.next());
    if (!entry) break;
    CORDON_TRY(const model::EntryKind kind, model::peek_kind(entry->bytes));
    if (!filter.kind.empty() && filter.kind != model::to_string(kind)) continue;
    ++printed;
    if (raw) {
      session.print_line(entry->bytes);
      continue;
    }
    CORDON_TRY(const model::Entry parsed, model::parse_entry(entry->bytes));
    session.print_line(fmt::format("{:>8}  {}  {:<17}  {}", sequence,
                                   show_time(format_rfc3339(parsed.recorded)),
                                   model::to_string(kind), printable(gist(parsed.body))));
  }
  return {};
}

Done show_journal(Session& session, const Values& values) {
  CORDON_TRY(const std::uint64_t from, values.number_or("from", 0, 0, kAnyNumber));
  Filter filter{values.text_or("kind", ""), kAnyNumber};
  CORDON_TRY(filter.limit, values.number_or("limit", kAnyNumber, 1, kAnyNumber));
  journal::SystemDisk disk;
  CORDON_TRY(const auto opened, journal::ReadOnlyJournal::open(values.text("dir"), disk));
  CORDON_CHECK(print_entries(session, opened.reader(from), filter, values.flag("json")));
  const auto& report = opened.recovered();
  session.note(fmt::format("{} entries in {} segments", report.entries, report.segments));
  if (report.torn_bytes > 0) {
    session.note(fmt::format("left out: {} bytes of a torn write at {}:{}", report.torn_bytes,
                             report.torn_file, report.torn_offset));
  }
  return {};
}

}  // namespace

std::vector<Command> journal_commands() {
  return {{.path = "journal show",
           .summary = "Read the journal of a stopped server; changes nothing",
           .example = "journal show /var/lib/cordon/journal --kind containment",
           .reach = Reach::local,
           .parameters =
               {{Form::positional, Presence::required, "dir", "DIR",
                 "the directory that holds the segments"},
                {Form::option,
                 Presence::optional,
                 "kind",
                 "KIND",
                 "entries of one kind only",
                 {"decision", "response_end", "generation_change", "containment", "receipt",
                  "signal", "incident_event", "config_change", "rulepack_change", "token_change",
                  "key_change", "refusal", "custody", "recovery", "replay_test"}},
                {Form::option, Presence::optional, "from", "N", "the first sequence"},
                {Form::option, Presence::optional, "limit", "N", "no more than these"},
                {Form::flag, Presence::optional, "json", "", "the entries as stored, one a line"}},
           .run = show_journal}};
}

}  // namespace cordon::cli::internal

#include "containment/history.h"

#include "model/entry.h"

#include <fmt/format.h>

namespace cordon::containment {
namespace {

using model::EntryKind;

Result<GenerationChange> read_generation_change(const codec::Json& body) {
  codec::ObjectReader reader(body, "generation_change");
  GenerationChange change;
  const codec::Json& number = reader.any("number");
  change.generation.digest = reader.text("digest");
  change.cause = reader.text("cause");
  change.actor = reader.text("actor");
  if (const Status read = reader.finish(); !read) {
    return fail(Errc::corrupt, read.error().detail);
  }
  if (!number.is_number_unsigned()) {
    return fail(Errc::corrupt, "generation_change: number is not a number");
  }
  change.generation.number = number.get<std::uint64_t>();
  return change;
}

/// Other keys of the body belong to whoever writes it.
Result<RulepackChange> read_rulepack_change(const codec::Json& body) {
  RulepackChange change;
  for (const auto& [key, into] : {std::pair<const char*, std::string*>{"name", &change.name},
                                  {"version", &change.version},
                                  {"digest", &change.digest}}) {
    const auto found = body.find(key);
    if (found == body.end() || !found->is_string()) {
      return fail(Errc::corrupt, fmt::format("rulepack_change: {} is missing", key));
    }
    *into = found->get<std::string>();
  }
  return change;
}

struct Folder {
  Moment& moment;
  WallTime recorded;
  void operator()(const Event& event) const { moment.measures.evolve(event); }
  void operator()(const GenerationChange& change) const {
    moment.generation = change;
    moment.generation_since = recorded;
  }
  void operator()(const RulepackChange& change) const {
    moment.rulepacks.insert_or_assign(change.digest, change);
  }
};

}  // namespace

Status History::observe(std::uint64_t sequence, std::string_view bytes) {
  CORDON_TRY(const EntryKind kind, model::peek_kind(bytes));
  if (kind != EntryKind::containment && kind != EntryKind::generation_change &&
      kind != EntryKind::rulepack_change) {
    return {};
  }
  CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
  Change change{sequence, entry.recorded, RulepackChange{}};
  if (kind == EntryKind::containment) {
    CORDON_TRY(change.what, parse_event(entry.body));
  } else if (kind == EntryKind::generation_change) {
    CORDON_TRY(const GenerationChange made, read_generation_change(entry.body));
    generations_[made.generation.number] = changes_.size();
    change.what = made;
  } else {
    CORDON_TRY(change.what, read_rulepack_change(entry.body));
  }
  changes_.push_back(std::move(change));
  return {};
}

Moment History::fold(std::size_t count, WallTime at) const {
  Moment moment;
  moment.at = at;
  for (std::size_t i = 0; i < count; ++i) {
    std::visit(Folder{moment, changes_[i].at}, changes_[i].what);
    moment.sequence = changes_[i].sequence;
  }
  return moment;
}

Result<Moment> History::at(WallTime at) const {
  std::size_t count = 0;
  while (count < changes_.size() && changes_[count].at <= at) ++count;
  Moment moment = fold(count, at);
  if (moment.generation.generation.number != 0) return moment;
  const auto first = generations_.begin();
  return fail(Errc::not_found,
              fmt::format("nothing is known of {}: {}", format_rfc3339(at),
                          first == generations_.end()
                              ? "no generation was ever in force"
                              : fmt::format("the first generation came into force at {}",
                                            format_rfc3339(changes_[first->second].at))));
}

Result<Moment> History::of_generation(std::uint64_t number) const {
  const auto found = generations_.find(number);
  if (found != generations_.end()) {
    return fold(found->second + 1, changes_[found->second].at);
  }
  if (generations_.empty()) return fail(Errc::not_found, "no generation was ever in force");
  return fail(Errc::not_found,
              fmt::format("there is no generation {}; known: {} to {}", number,
                          generations_.begin()->first, generations_.rbegin()->first));
}

std::map<std::uint64_t, const Change*> History::generations() const {
  std::map<std::uint64_t, const Change*> all;
  for (const auto& [number, place] : generations_) all.emplace(number, &changes_[place]);
  return all;
}

}  // namespace cordon::containment

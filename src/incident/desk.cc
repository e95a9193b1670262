#include "incident/desk.h"

#include "base/assert.h"
#include "base/uuid.h"
#include "incident/internal/follow.h"
#include "incident/internal/ids.h"
#include "incident/internal/in_force.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace cordon::incident {
namespace {

using internal::File;
using internal::read_id;
using internal::year_of;

const model::Actor kDesk{model::ActorKind::service, "incident"};
const Standing kNoStanding;
const detect::Harm kNoHarm;

std::string text_at(const codec::Json& body, const char* key) {
  if (!body.is_object()) return {};
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

class Desk::Core {
 public:
  Core(DeskOptions options, const detect::Windows& windows, Random& random, const Clock& clock)
      : options_(std::move(options)), windows_(windows), random_(random), clock_(clock) {}

  /// A signal and where it went.
  struct Noticed {
    detect::Signal signal;
    std::uint64_t sequence = 0;
    std::string incident;
    TimelineItem item;
  };
  /// What a sender calls its signal.
  using SenderKey = std::pair<detect::SignalSource, std::string>;
  /// A sender said that it is over.
  struct Ended {
    WallTime at{};
    TimelineItem item;
  };
  [[nodiscard]] static SenderKey key_of(const detect::Signal& signal) {
    return {signal.source, signal.dedupe_key};
  }

  Status observe(std::uint64_t sequence, const model::Entry& entry) {
    if (sequence < next_) return {};
    touched_ = nullptr;
    CORDON_CHECK(read(sequence, entry));
    next_ = sequence + 1;
    if (touched_ != nullptr) internal::score_evidence(*touched_);
    return {};
  }

  Status read(std::uint64_t sequence, const model::Entry& entry) {
    switch (entry.kind) {
      case model::EntryKind::signal:
        return read_signal(sequence, entry);
      case model::EntryKind::signal_end:
        return read_signal_end(sequence, entry);
      case model::EntryKind::incident_event:
        return read_event(sequence, entry);
      case model::EntryKind::containment:
        return read_containment(sequence, entry);
      case model::EntryKind::receipt:
        return read_receipt(sequence, entry);
      case model::EntryKind::approval:
      case model::EntryKind::page:
      case model::EntryKind::replay_test:
      case model::EntryKind::custody:
        read_custody(sequence, entry);
        return {};
      case model::EntryKind::generation_change:
        read_generation(sequence, entry);
        return {};
      case model::EntryKind::rulepack_change:
        in_force_.read_rulepack(entry.body);
        return {};
      default:
        return {};
    }
  }

  void observe(const model::EndRecord& end, WallTime recorded) {
    for (auto& [id, file] : files_) {
      if (!is_open(file.incident.state)) continue;
      if (!end.hits.empty()) internal::count_impact(file, end, recorded);
      if (!file.incident.mitigations.empty()) internal::count_samples(file, end, recorded);
    }
  }

  [[nodiscard]] std::vector<Draft> step(WallTime now) const {
    std::vector<Draft> drafts;
    std::set<std::string, std::less<>> touched;
    bool opening = false;
    for (const std::string& id : waiting_) {
      const Noticed& noticed = signals_.find(id)->second;
      const File* home = internal::home_of(files_, noticed.signal, options_.join_within);
      if (home != nullptr) {
        if (!touched.insert(home->incident.id).second) continue;
        drafts.push_back(
            draft(*home, SignalJoined{id, noticed.signal.scope, noticed.signal.time}, kDesk, now));
      } else if (!opening && files_.size() < options_.incidents_max) {
        // One at a time: the next signal may belong to the incident that this one opens.
        opening = true;
        drafts.push_back(open(noticed.signal, now));
      }
    }
    for (const auto& [id, file] : files_) {
      if (touched.contains(id)) continue;
      if (is_open(file.incident.state)) {
        if (auto event = internal::follow(file, files_, explain(file, now), options_, now)) {
          drafts.push_back(draft(file, *std::move(event), kDesk, now));
          continue;
        }
      }
      if (auto follows = internal::follow_up_of(file, options_.updates, now)) {
        drafts.push_back(draft(file, FollowedUp{std::move(follows->change)}, kDesk, now));
        drafts.back().blob = std::move(follows->blob);
      }
    }
    return drafts;
  }

  [[nodiscard]] Draft draft(const File& file, Event event, const model::Actor& actor,
                            WallTime time) const {
    Happening happening;
    happening.incident = file.incident.id;
    happening.revision = file.incident.revision + 1;
    happening.actor = actor;
    happening.time = time;
    happening.event = std::move(event);
    return {model::EntryKind::incident_event, to_body(happening), {}};
  }

  [[nodiscard]] Assessment explain(const File& file, WallTime now) const {
    return assess(internal::facts_of(file, options_, windows_, now), options_.severity,
                  now - file.incident.clock_start, file.incident.waived);
  }

  [[nodiscard]] const File* find(std::string_view id) const noexcept {
    if (const auto found = files_.find(id); found != files_.end()) return &found->second;
    const auto named = by_uuid_.find(id);
    return named == by_uuid_.end() ? nullptr : find(named->second);
  }
  [[nodiscard]] const File* find(const Incident& incident) const noexcept {
    return find(incident.id);
  }

  DeskOptions options_;
  const detect::Windows& windows_;
  Random& random_;
  const Clock& clock_;
  internal::Files files_;
  std::map<std::string, std::string, std::less<>> by_uuid_;
  std::map<std::string, Noticed, std::less<>> signals_;
  std::deque<std::string> order_;            ///< of signals, oldest first
  std::deque<std::string> waiting_;          ///< signals without an incident
  std::map<SenderKey, std::string> by_key_;  ///< the latest signal that has it
  std::map<SenderKey, Ended> ended_;
  std::deque<SenderKey> ended_order_;  ///< oldest first
  std::uint64_t strays_ = 0;

 private:
  File* file(std::string_view id) {
    const auto found = files_.find(id);
    return found == files_.end() ? nullptr : &found->second;
  }

  void add_item(File& file, TimelineItem item) {
    touched_ = &file;
    if (file.items.size() >= options_.timeline_items_max) {
      ++file.items_dropped;
      return;
    }
    const auto after = std::upper_bound(
        file.items.begin(), file.items.end(), item.sequence,
        [](std::uint64_t wanted, const TimelineItem& one) { return wanted < one.sequence; });
    file.items.insert(after, std::move(item));
  }

  Status read_signal(std::uint64_t sequence, const model::Entry& entry) {
    CORDON_TRY(detect::Signal signal, detect::parse_signal(entry));
    const std::string id = signal.id;
    if (signals_.contains(id)) return {};
    if (!signal.dedupe_key.empty()) by_key_[key_of(signal)] = id;
    signals_[id] = {std::move(signal), sequence, {}, make_item(sequence, entry)};
    order_.push_back(id);
    waiting_.push_back(id);
    while (order_.size() > options_.signals_max &&
           !signals_.find(order_.front())->second.incident.empty()) {
      const auto oldest = signals_.find(order_.front());
      const auto named = by_key_.find(key_of(oldest->second.signal));
      if (named != by_key_.end() && named->second == oldest->first) by_key_.erase(named);
      signals_.erase(oldest);
      order_.pop_front();
    }
    return {};
  }

  Status read_signal_end(std::uint64_t sequence, const model::Entry& entry) {
    CORDON_TRY(const detect::SignalEnd end, detect::parse_signal_end(entry));
    SenderKey key{end.source, end.dedupe_key};
    if (ended_.contains(key)) return {};
    const auto& ended = ended_[key] = {end.time, make_item(sequence, entry)};
    if (const auto signal = by_key_.find(key); signal != by_key_.end()) {
      File* found = file(signals_.find(signal->second)->second.incident);
      if (found != nullptr) add_item(*found, ended.item);
    }
    ended_order_.push_back(std::move(key));
    if (ended_order_.size() > options_.signals_max) {
      ended_.erase(ended_order_.front());
      ended_order_.pop_front();
    }
    return {};
  }

  void assign(File& file, const std::string& signal) {
    const auto found = signals_.find(signal);
    if (found == signals_.end()) return;
    found->second.incident = file.incident.id;
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), signal), waiting_.end());
    add_item(file, found->second.item);
    const auto ended = ended_.find(key_of(found->second.signal));
    if (ended != ended_.end()) add_item(file, ended->second.item);
    const std::uint8_t stated = found->second.signal.severity;
    if (stated != 0 && (file.stated == 0 || stated < file.stated)) file.stated = stated;
  }

  Status read_event(std::uint64_t sequence, const model::Entry& entry) {
    CORDON_TRY(Happening happening, parse_happening(entry));
    happening.sequence = sequence;
    const auto* opened = std::get_if<Opened>(&happening.event);
    File* found = file(happening.incident);
    const std::uint64_t revision = found == nullptr ? 0 : found->incident.revision;
    if (happening.revision != revision + 1 || (found == nullptr) != (opened != nullptr)) {
      ++strays_;
      return {};
    }
    if (found == nullptr) found = &files_[happening.incident];
    const std::size_t scopes = found->incident.scopes.size();
    found->incident = evolve(std::move(found->incident), happening);
    add_item(*found, make_item(sequence, entry));
    entries_[entry.id] = happening.incident;
    if (opened != nullptr) begin(*found, *opened, happening.recorded);
    if (const auto* joined = std::get_if<SignalJoined>(&happening.event)) {
      assign(*found, joined->signal);
    }
    if (opened == nullptr && found->incident.scopes.size() != scopes) {
      internal::measure_impact(*found, windows_, happening.recorded);
    }
    internal::link_validation(*found);
    return {};
  }

  void begin(File& opened, const Opened& event, WallTime recorded) {
    const std::string& id = opened.incident.id;
    by_uuid_[event.uuid] = id;
    if (const auto parts = read_id(id)) {
      auto& last = last_number_[parts->first];
      last = std::max(last, parts->second);
    }
    opened.impact_from = event.t0 - options_.severity.blast_window;
    for (const auto& [other, earlier] : files_) {
      // What an earlier incident answered for is not this one's impact.
      const bool same = other != id && earlier.incident.of_class == event.of_class &&
                        !is_open(earlier.incident.state) &&
                        internal::overlaps(earlier, event.scope);
      if (same) {
        opened.impact_from = std::max(opened.impact_from,
                                      earlier.incident.states.back().at + std::chrono::seconds(1));
      }
    }
    opened.rulepacks = in_force_.rulepacks();
    opened.generation = in_force_.generation();
    internal::measure_impact(opened, windows_, recorded);
    assign(opened, event.signal);
  }

  Status read_containment(std::uint64_t sequence, const model::Entry& entry) {
    CORDON_TRY(containment::Event event, containment::parse_event(entry.body));
    if (const auto* set = std::get_if<containment::WasSet>(&event)) {
      for (const std::string& replaced : set->replaces) release(replaced, entry.recorded);
      File* found = file(set->containment.incident);
      if (found == nullptr) return {};
      ContainmentStanding standing;
      standing.containment = set->containment;
      standing.sequence = sequence;
      found->standing.containments.push_back(std::move(standing));
      containments_[set->containment.id] = found->incident.id;
      entries_[entry.id] = found->incident.id;
      add_item(*found, make_item(sequence, entry));
      internal::link_validation(*found);
      return {};
    }
    const std::string id(containment::id_of(event));
    const auto [found, standing] = containment(id);
    if (found == nullptr) return {};
    entries_[entry.id] = found->incident.id;
    add_item(*found, make_item(sequence, entry));
    if (std::holds_alternative<containment::Released>(event)) {
      release(id, entry.recorded);
    } else if (const auto* renewed = std::get_if<containment::Renewed>(&event)) {
      standing->containment.expires_at = renewed->expires_at;
      standing->containment.state = containment::MeasureState::in_force;
    } else if (std::holds_alternative<containment::BecameOverdue>(event)) {
      standing->containment.state = containment::MeasureState::overdue;
    }
    return {};
  }

  std::pair<File*, ContainmentStanding*> containment(const std::string& id) {
    const auto known = containments_.find(id);
    File* found = known == containments_.end() ? nullptr : file(known->second);
    if (found == nullptr) return {nullptr, nullptr};
    auto& all = found->standing.containments;
    const auto one = std::find_if(all.begin(), all.end(),
                                  [&id](const auto& each) { return each.containment.id == id; });
    return {found, &*one};
  }

  void release(const std::string& id, WallTime at) {
    const auto [found, standing] = containment(id);
    if (found == nullptr) return;
    standing->released_at = at;
    standing->containment.state = containment::MeasureState::released;
  }

  Status read_receipt(std::uint64_t sequence, const model::Entry& entry) {
    CORDON_TRY(const containment::Receipt receipt, containment::Receipt::from_json(entry.body));
    const auto [found, standing] = containment(receipt.containment);
    if (found == nullptr) return {};
    add_item(*found, make_item(sequence, entry));
    entries_[entry.id] = found->incident.id;
    standing->receipt = receipt;
    if (receipt.partial() || standing->acked_at) return {};
    WallTime acked = WallTime::min();
    for (const auto& node : receipt.nodes) {
      acked = std::max(acked, node.acked_at.value_or(entry.recorded));
    }
    standing->acked_at = acked;
    for (Mitigation& mitigation : found->incident.mitigations) {
      if (!judges(mitigation, *standing)) continue;
      mitigation.began = acked;
      mitigation.counted = SequentialTest(mitigation.test.limit);
      mitigation.refused = 0;
    }
    return {};
  }

  void read_custody(std::uint64_t sequence, const model::Entry& entry) {
    File* found = file(text_at(entry.body, "incident"));
    if (found == nullptr) return;
    add_item(*found, make_item(sequence, entry));
    const std::string id = text_at(entry.body, "evidence");
    const std::string act = text_at(entry.body, "act");
    auto& all = found->standing.evidence;
    auto one = std::find_if(all.begin(), all.end(),
                            [&id](const EvidenceStanding& each) { return each.id == id; });
    if (one == all.end() && act != "collected") return;  // no bundle, but seen
    if (one == all.end()) one = all.insert(all.end(), EvidenceStanding{id, {}, {}, false, {}});
    if (act == "collected") {
      one->frozen_at = entry.recorded;
      one->records = internal::count_at(entry.body, "records");
    }
    if (act != "verified") return;
    const auto ok = entry.body.find("ok");
    one->failed = ok == entry.body.end() || !ok->is_boolean() || !ok->get<bool>();
    if (!one->failed && !one->verified_at) one->verified_at = entry.recorded;
  }

  void read_generation(std::uint64_t sequence, const model::Entry& entry) {
    in_force_.read_generation(entry.body);
    const auto cause = entries_.find(text_at(entry.body, "cause"));
    if (cause == entries_.end()) return;
    if (File* found = file(cause->second)) add_item(*found, make_item(sequence, entry));
  }

  [[nodiscard]] Draft open(const detect::Signal& signal, WallTime now) const {
    const int year = year_of(signal.recorded);
    const auto last = last_number_.find(year);
    const std::uint32_t number = last == last_number_.end() ? 1 : last->second + 1;
    Opened opened;
    opened.uuid = make_uuid7(clock_, random_);
    opened.of_class = signal.of_class;
    opened.scope = signal.scope;
    opened.signal = signal.id;
    opened.t0 = signal.recorded;
    opened.impact_start = signal.time;
    opened.title = fmt::format("{} on {}", model::to_string(signal.of_class), signal.scope.text());
    opened.snapshot = in_force_.snapshot(signal, windows_, now);
    File fresh;
    fresh.incident.id = fmt::format("INC-{:04}-{:05}", year, number);
    return draft(fresh, std::move(opened), kDesk, now);
  }

  std::map<std::string, std::string, std::less<>> containments_;  ///< id to incident
  std::map<std::string, std::string, std::less<>> entries_;       ///< entry to incident
  std::map<int, std::uint32_t> last_number_;
  File* touched_ = nullptr;  ///< by the entry that is being read
  internal::InForce in_force_;
  std::uint64_t next_ = 0;
};

Desk::Desk(DeskOptions options, const detect::Windows& windows, Random& random, const Clock& clock)
    : core_(std::make_unique<Core>(std::move(options), windows, random, clock)) {}
Desk::~Desk() = default;

Status Desk::observe(std::uint64_t sequence, const model::Entry& entry) {
  return core_->observe(sequence, entry);
}
void Desk::observe(const model::EndRecord& end, WallTime recorded) {
  core_->observe(end, recorded);
}
void Desk::measure(std::set<model::IncidentClass> classes) {
  core_->options_.measured = std::move(classes);
}
std::vector<Draft> Desk::step(WallTime now) const {
  return core_->step(now);
}

Result<std::vector<Draft>> Desk::decide(std::string_view id, const model::Actor& actor,
                                        const Command& command, WallTime now, WallTime time,
                                        std::string* needs) const {
  const File* found = core_->find(id);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("no incident {}", id.substr(0, 64)));
  }
  DecideContext context{now, found->standing, {}, needs};
  for (const Predicate& one : core_->explain(*found, now).predicates) {
    if (one.fired) context.firing[one.name] = one.fact.value;
  }
  CORDON_TRY(Event event, incident::decide(found->incident, actor, command, context));
  std::vector<Draft> drafts;
  if (const auto* merge = std::get_if<Merge>(&command)) {
    const File* into = core_->find(merge->into);
    if (into == nullptr) {
      return fail(Errc::not_found, fmt::format("no incident {}", merge->into.substr(0, 64)));
    }
    CORDON_CHECK(internal::check_merge(*found, *into));
    std::get<Moved>(event).into = into->incident.id;
    drafts.push_back(core_->draft(*found, std::move(event), actor, time));
    drafts.push_back(core_->draft(*into, Absorbed{found->incident.id}, actor, time));
    return drafts;
  }
  drafts.push_back(core_->draft(*found, std::move(event), actor, time));
  return drafts;
}

Result<Draft> Desk::report(const detect::Signal& signal) const {
  if (signal.summary.size() > detect::kSummaryBytesMax ||
      signal.dedupe_key.size() > detect::kDedupeKeyBytesMax) {
    return fail(Errc::invalid, fmt::format("a signal's summary has at most {} bytes and its "
                                           "dedupe_key at most {}",
                                           detect::kSummaryBytesMax, detect::kDedupeKeyBytesMax));
  }
  if (const std::string id = signal_of(signal.source, signal.dedupe_key); !id.empty()) {
    const File* home = core_->find(core_->signals_.find(id)->second.incident);
    const bool pending = home == nullptr || is_open(home->incident.state);
    if (pending || signal.source == detect::SignalSource::alert) {
      return fail(Errc::conflict, fmt::format("signal {} said so already", id));
    }
  }
  return Draft{model::EntryKind::signal, detect::to_body(signal), {}};
}

std::optional<Draft> Desk::report(const detect::SignalEnd& end) const {
  if (core_->ended_.contains({end.source, end.dedupe_key})) return std::nullopt;
  return Draft{model::EntryKind::signal_end, detect::to_body(end), {}};
}

std::string Desk::signal_of(detect::SignalSource source, std::string_view key) const {
  if (key.empty()) return {};
  const auto found = core_->by_key_.find({source, std::string(key)});
  return found == core_->by_key_.end() ? std::string() : found->second;
}

std::optional<WallTime> Desk::ended_at(const detect::Signal& signal) const {
  if (signal.dedupe_key.empty()) return std::nullopt;
  const auto found = core_->ended_.find(Core::key_of(signal));
  return found == core_->ended_.end() ? std::nullopt : std::optional(found->second.at);
}

std::vector<Related> Desk::related(const Incident& incident) const {
  return internal::related(*core_->find(incident), core_->files_);
}

codec::Json Desk::detail(const Incident& incident, WallTime now) const {
  std::vector<const detect::Signal*> noticed;
  for (const std::string& id : incident.signals) {
    const auto one = core_->signals_.find(id);
    if (one != core_->signals_.end()) noticed.push_back(&one->second.signal);
  }
  return internal::detail(*core_->find(incident), noticed, core_->options_, now);
}

const Incident* Desk::find(std::string_view id) const noexcept {
  const File* found = core_->find(id);
  return found == nullptr ? nullptr : &found->incident;
}

std::vector<const Incident*> Desk::incidents() const {
  std::vector<const Incident*> all;
  for (const auto& [id, file] : core_->files_) all.push_back(&file.incident);
  return all;
}

const Standing& Desk::standing(const Incident& incident) const noexcept {
  const File* found = core_->find(incident);
  return found == nullptr ? kNoStanding : found->standing;
}

std::vector<detect::Signal> Desk::signals() const {
  std::vector<detect::Signal> all;
  for (const std::string& id : core_->order_)
    all.push_back(core_->signals_.find(id)->second.signal);
  return all;
}

std::string Desk::incident_of(std::string_view signal) const {
  const auto found = core_->signals_.find(signal);
  return found == core_->signals_.end() ? std::string() : found->second.incident;
}

Assessment Desk::explain(const Incident& incident, WallTime now) const {
  const File* found = core_->find(incident);
  return found == nullptr ? Assessment{} : core_->explain(*found, now);
}

const detect::Harm& Desk::impact(const Incident& incident) const noexcept {
  const File* found = core_->find(incident);
  return found == nullptr ? kNoHarm : found->impact;
}

Result<Composed> Desk::compose(const Incident& incident, model::Audience audience,
                               const std::optional<std::string>& own, WallTime now) const {
  const File* found = core_->find(incident);
  CORDON_ASSERT(found != nullptr);
  return incident::compose(audience, internal::update_facts(*found, now), own);
}

std::vector<EvidenceItem> Desk::evidence_items(const Incident& incident) const {
  const File* found = core_->find(incident);
  CORDON_ASSERT(found != nullptr);
  return incident::evidence_items(found->incident, found->standing,
                                  internal::score_facts(*found, {}));
}

std::vector<Outcome> Desk::outcomes(const Incident& incident, WallTime now) const {
  const File* found = core_->find(incident);
  CORDON_ASSERT(found != nullptr);
  return incident::outcomes(found->incident, found->standing, internal::score_facts(*found, now));
}

Scorecard Desk::scorecard(const Incident& incident, WallTime now) const {
  const File* found = core_->find(incident);
  CORDON_ASSERT(found != nullptr);
  return make_scorecard(found->incident, found->standing, internal::score_facts(*found, now));
}

std::vector<TimelineItem> Desk::timeline(const Incident& incident) const {
  const File* found = core_->find(incident);
  return found == nullptr ? std::vector<TimelineItem>() : found->items;
}

std::uint64_t Desk::strays() const noexcept {
  return core_->strays_;
}

std::string Desk::fingerprint() const {
  codec::Json all = codec::Json::array();
  for (const auto& [id, file] : core_->files_) {
    codec::Json one = to_json(file.incident, file.standing, file.incident.t0);
    one["revision"] = file.incident.revision;
    one["impact"] = {file.impact.exchanges, file.impact.records, file.impact.personal,
                     file.impact.tenants.size()};
    one["timeline"] = to_lines(file.items);
    all.push_back(std::move(one));
  }
  return codec::write_json({{"incidents", std::move(all)},
                            {"waiting", core_->waiting_},
                            {"signals", core_->order_},
                            {"ended", core_->ended_order_.size()},
                            {"strays", core_->strays_}});
}

}  // namespace cordon::incident

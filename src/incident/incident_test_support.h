// A node in memory for tests: a journal, and the watch that follows it.
#pragma once

#include "detect/detect_test_support.h"
#include "incident/watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace cordon::incident {

inline const model::Actor kAnna{model::ActorKind::person, "anna"};
inline const model::Actor kBen{model::ActorKind::person, "ben"};
inline const model::Actor kCleo{model::ActorKind::person, "cleo"};

/// A journal in memory with the watch that follows it.
class Node {
 public:
  explicit Node(WatchOptions with = {}) : options(std::move(with)) { restart(); }

  /// Forgets everything and reads the journal again, from its first entry.
  void restart() {
    watch = std::make_unique<Watch>(options, random, clock);
    for (std::size_t i = 0; i < journal.size(); ++i) {
      EXPECT_TRUE(watch->observe(i, journal[i]).has_value());
    }
  }
  std::string append(std::string bytes) {
    journal.push_back(std::move(bytes));
    const auto read = watch->observe(journal.size() - 1, journal.back());
    EXPECT_TRUE(read.has_value()) << read.error().detail;
    return model::parse_entry(journal.back())->id;
  }
  std::string append(model::EntryKind kind, const codec::Json& body) {
    return append(writer.write(kind, body));
  }
  void pass(const model::EndRecord& end) {
    std::string bytes;
    model::append_entry(writer, end, bytes);
    append(std::move(bytes));
  }
  void settle() {
    for (int round = 0; round < 100; ++round) {
      const auto drafts = watch->step(clock.wall());
      if (drafts.empty()) return;
      for (const Draft& draft : drafts) append(draft.kind, draft.body);
    }
    ADD_FAILURE() << "the watch does not come to rest";
  }
  Status command(const std::string& id, const model::Actor& actor, const Command& command) {
    const auto drafts = watch->desk().decide(id, actor, command, clock.wall(), clock.wall());
    if (!drafts) return tl::make_unexpected(drafts.error());
    for (const Draft& draft : *drafts) append(draft.kind, draft.body);
    return {};
  }
  detect::Signal signal(const char* scope,
                        model::IncidentClass of_class = model::IncidentClass::data_leakage) const {
    detect::Signal signal;
    signal.source = detect::SignalSource::analyst_review;
    signal.reporter = kAnna;
    signal.of_class = of_class;
    signal.scope = *model::Scope::parse(scope);
    signal.time = clock.wall();
    signal.summary = "seen";
    return signal;
  }
  std::string report(const detect::Signal& signal) {
    const std::string id = append(model::EntryKind::signal, detect::to_body(signal));
    settle();
    return id;
  }
  void contain(const std::string& id, const std::string& incident, const char* scope) {
    containment::WasSet set;
    set.containment.id = id;
    set.containment.scope = *model::Scope::parse(scope);
    set.containment.reason = "stop it";
    set.containment.by = kAnna;
    set.containment.incident = incident;
    set.containment.set_at = clock.wall();
    set.containment.expires_at = clock.wall() + std::chrono::hours(1);
    append(model::EntryKind::containment, containment::to_body(containment::Event(set)));
  }
  void acknowledge(const std::string& id) {
    containment::Receipt receipt;
    receipt.containment = id;
    receipt.generation = 8;
    receipt.nodes = {{"node-1", true, 1, 2, clock.wall(), clock.wall()}};
    append(model::EntryKind::receipt, receipt.to_json());
  }
  void freeze(const std::string& incident) {
    codec::Json body = {{"evidence", "EV-1"},     {"incident", incident}, {"act", "collected"},
                        {"actor", "person:anna"}, {"purpose", "x"},       {"sha256", "00"},
                        {"records", 12U}};
    append(model::EntryKind::custody, body);
    body["act"] = "verified";
    body["ok"] = true;
    append(model::EntryKind::custody, body);
  }
  const Incident& only() const {
    EXPECT_EQ(watch->desk().incidents().size(), 1U);
    return *watch->desk().incidents().front();
  }

  WatchOptions options;
  ManualClock clock{detect::kNoon};
  SeededRandom random{5};
  model::EntryWriter writer{"node-1", "boot-1", clock, random};
  std::vector<std::string> journal;
  std::unique_ptr<Watch> watch;
};

}  // namespace cordon::incident

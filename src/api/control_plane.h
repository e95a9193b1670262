// The control plane: everything the control thread knows, and every way to change it.
//
// State is what the journal says (ADR 3). A command takes its turn, is decided against the state,
// appended, made durable and read back; then it takes effect. What a restart finds is the same.
#pragma once

#include "api/control_parts.h"
#include "api/control_state.h"
#include "api/given.h"
#include "api/ledger.h"
#include "api/past_generations.h"
#include "api/replay_order.h"
#include "containment/generations.h"
#include "containment/tokens.h"
#include "detect/alertmanager.h"
#include "evidence/bundle.h"
#include "incident/review.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

struct ReviewMaterial;

namespace internal {
struct Judgement;
class Reload;
struct FlightScope;
}  // namespace internal

/// Control thread only, except recover(), which runs before the loop does.
class ControlPlane : public ControlState {
 public:
  ControlPlane(Parts parts, ControlOptions options);
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  /// Reads the whole journal. `corrupt` names the entry that cannot be read.
  [[nodiscard]] Result<Recovered> recover();
  /// Writes what the start changed (configuration, rulepacks, generation) and puts the generation
  /// in force. Mints an admin token if there is none and answers with its secret, else with "".
  [[nodiscard]] net::Task<Result<std::string>> begin();
  /// Once a second until the scope stops: expiries, detectors, what follows from signals.
  [[nodiscard]] net::Task<void> keep_time(net::Scope& scope);
  /// Reads the log back behind the writer until the scope stops.
  [[nodiscard]] net::Task<void> keep_log(net::Scope& scope);
  /// New entries are durable. Posted to the loop by whoever learns of it.
  void on_durable();

  [[nodiscard]] tl::expected<containment::Identity, containment::TokenRefusal> authorise(
      std::string_view secret, containment::Role role) const;

  // Commands. Each is one entry or one entry of kind `refusal`.
  [[nodiscard]] net::Task<Result<Ordered<Contained>>> contain(containment::Set command);
  [[nodiscard]] net::Task<Result<containment::Containment>> renew(containment::Renew command);
  [[nodiscard]] net::Task<Result<Ordered<Contained>>> release(std::string id, std::string reason,
                                                              containment::Identity by);
  /// The second person's yes to what waits under `id`: it is decided anew and done at once.
  [[nodiscard]] net::Task<Result<Given>> give(std::string id, containment::Identity by);
  [[nodiscard]] net::Task<Result<containment::Declined>> decline(std::string id, std::string reason,
                                                                 model::Actor by);
  [[nodiscard]] net::Task<Result<containment::PastGeneration>> revoke_generation(
      containment::RevokeGeneration command);
  [[nodiscard]] net::Task<Result<containment::Minted>> mint(containment::MintToken command);
  [[nodiscard]] net::Task<Status> revoke(std::string id, model::Actor by);
  // Keys of tenants; control_key.cc. Each answers once every gateway thread obeys.
  [[nodiscard]] net::Task<Result<KeyChanged>> issue_key(containment::IssueKey command);
  [[nodiscard]] net::Task<Result<KeyChanged>> rotate_key(containment::RotateKey command);
  /// `expires_in` from now.
  [[nodiscard]] net::Task<Result<KeyChanged>> expire_key(std::string id,
                                                         std::chrono::milliseconds expires_in,
                                                         std::string reason, model::Actor by);
  [[nodiscard]] net::Task<Result<KeyChanged>> revoke_key(std::string id, std::string reason,
                                                         model::Actor by);
  [[nodiscard]] net::Task<Result<detect::Signal>> report(detect::Signal signal);
  /// Takes every alert that can be taken and was not before, all in one commit, and answers once
  /// it is durable. One refusal for all that cannot.
  [[nodiscard]] net::Task<Result<Ingested>> ingest(detect::AlertBatch batch, model::Actor by);
  /// Refuses as `exhausted` more reports in a minute than configured, for each token.
  [[nodiscard]] Status admit_report(const std::string& token);
  /// A signal whose text stands outside the journal, which has only a salted digest of it.
  [[nodiscard]] net::Task<Result<detect::Signal>> report_text(detect::Signal signal,
                                                              std::string text);
  /// That text, once it is on record who read it. `not_found` if no signal has one.
  [[nodiscard]] net::Task<Result<std::string>> read_report(std::string id, model::Actor by,
                                                           std::string purpose);
  /// Pins the policy in force. Refuses as `invalid` a missing reason.
  [[nodiscard]] net::Task<Result<Baseline>> pin_baseline(std::string reason, model::Actor by);
  /// Refuses as `not_found`, saying that it cannot assess, if nothing is pinned.
  [[nodiscard]] net::Task<Result<BaselineDiff>> diff_baseline();
  /// A command that takes one person; refused if it takes two.
  [[nodiscard]] net::Task<Status> command(std::string incident, model::Actor actor,
                                          incident::Command command);
  /// The same, and asks for the second person where it takes one; nothing when it is done.
  [[nodiscard]] net::Task<Result<std::optional<containment::Asked>>> order(
      std::string incident, containment::Identity by, incident::Command command);
  /// Freezes a bundle, verifies it, and records both. The work is done beside the control thread,
  /// over the log as it was when the turn was taken.
  [[nodiscard]] net::Task<Result<EvidenceRecord>> freeze(std::string incident, model::Actor by,
                                                         std::string purpose);

  /// Keeps bytes in the archive and answers with their digest in hex, once they are durable.
  [[nodiscard]] Result<std::string> keep(std::string_view bytes);
  [[nodiscard]] Result<std::string> blob(const std::string& digest) const;
  /// What a review of the incident is made from; the worker reads the journal for it.
  [[nodiscard]] net::Task<Result<ReviewMaterial>> gather_review(std::string incident);
  /// The drafted text, checked like any other.
  [[nodiscard]] Result<incident::CheckedReview> draft_review(const incident::Incident& incident,
                                                             const ReviewMaterial& material) const;
  // Pages; control_page.cc.
  [[nodiscard]] net::Task<Status> note_page_event(PageEvent event);
  /// Refuses as `not_found`, and as `conflict` what somebody acknowledged already.
  [[nodiscard]] net::Task<Status> ack_page(std::string id, model::Actor by);
  /// Records that something was refused before it became a command.
  [[nodiscard]] net::Task<void> refuse(std::string_view command, model::Actor actor, Error error);
  /// Obeys the file as it stands, whole or not at all, or asks for a second person.
  [[nodiscard]] net::Task<Result<ReloadAnswer>> reload(ReloadOrder order);
  // Rulepacks and replay tests; control_rulepack.cc, control_replay.cc.
  /// Answers once every node obeys, or that a second person is waited for (`change` is not set).
  [[nodiscard]] net::Task<Result<RulepackAnswer>> order_rulepack(RulepackOrder order);
  /// Makes an incident a replay test, and keeps it encrypted.
  [[nodiscard]] net::Task<Result<BuiltReplay>> build_replay(BuildReplay command);
  /// Runs stored tests under what is in force, or with `candidate` in place of its namesake.
  [[nodiscard]] net::Task<Result<std::vector<replay::Report>>> run_replays(RunReplays command);
  /// The file of a stored test. An entry of kind `custody` says who took it, and for what.
  [[nodiscard]] net::Task<Result<std::string>> export_replay(std::string id, std::string purpose,
                                                             model::Actor by);
  /// By the digest of a rulepack, its bytes. `not_found`, `corrupt`.
  [[nodiscard]] Result<std::string> rulepack_text(std::string_view digest) const;
  /// The same, read; beside the control thread.
  [[nodiscard]] net::Task<Result<std::shared_ptr<const policy::Rulepack>>> read_rulepack(
      std::string digest);
  /// The one digest of the pack's past, or of its file, that begins so; `not_found` names them all.
  [[nodiscard]] Result<std::string> find_rulepack(const std::string& name,
                                                  std::string_view digest) const;

  // More to read.
  [[nodiscard]] const model::Generation& generation() const noexcept { return *generation_; }
  [[nodiscard]] const incident::Watch& watch() const noexcept { return watch_; }
  [[nodiscard]] const PastGenerations& past() const noexcept { return past_; }
  /// What runs in `scope` now, asked of every gateway thread.
  [[nodiscard]] net::Task<Result<containment::Touched>> running(model::Scope scope);
  [[nodiscard]] std::vector<TargetStanding> targets() const;
  [[nodiscard]] evidence::Log& log() noexcept { return parts_.log; }
  [[nodiscard]] const journal::Journal& journal() const noexcept { return parts_.journal; }
  [[nodiscard]] const ControlOptions& options() const noexcept { return options_; }
  [[nodiscard]] const IngestCounts& ingest_counts() const noexcept { return ingest_counts_; }
  [[nodiscard]] std::filesystem::path bundle_path(const EvidenceRecord& record) const;
  [[nodiscard]] const std::string& node() const noexcept { return parts_.writer.node(); }
  [[nodiscard]] WallTime now() const noexcept { return parts_.writer.clock().wall(); }
  [[nodiscard]] std::string make_id() const;
  /// Records that a call was refused, unless the command that it became recorded that already.
  [[nodiscard]] net::Task<void> note_refused(std::string command, model::Actor actor, Error error);
  /// False once the journal cannot be followed any more.
  [[nodiscard]] bool healthy() const noexcept { return healthy_; }

 private:
  friend class internal::Reload;
  [[nodiscard]] Status apply(std::uint64_t sequence, std::string_view bytes);
  [[nodiscard]] Status apply_entry(model::EntryKind kind, std::string_view bytes);
  [[nodiscard]] Status note_exchange(std::uint64_t at, model::EntryKind kind,
                                     std::string_view text);
  /// Writes the end of every exchange that a crash left open.
  [[nodiscard]] net::Task<Status> close_open_exchanges();
  void note_custody(const model::Entry& entry);
  void note_baseline(const model::Entry& entry);
  [[nodiscard]] net::Task<Result<detect::PolicyInForce>> policy_in_force(
      std::shared_ptr<const model::Generation> generation);
  /// Once for each change of what is in force: the classes that its live rules can see.
  [[nodiscard]] net::Task<void> refresh_measured();
  /// Once for each generation and baseline: a weakening becomes a signal.
  [[nodiscard]] net::Task<void> watch_drift();
  /// Whether this was said before and is still open, or was said of this very generation.
  [[nodiscard]] bool is_known_drift(const detect::Signal& signal) const;
  [[nodiscard]] Result<std::vector<incident::Draft>> decide(const std::string& incident,
                                                            const model::Actor& actor,
                                                            const incident::Command& command,
                                                            WallTime at, std::string* needs) const;
  [[nodiscard]] net::Task<Status> record_all(std::vector<incident::Draft> drafts);
  /// Refuses as `invalid` whoever holds no token with which they could act.
  [[nodiscard]] Status check_known(const std::string& person) const;
  [[nodiscard]] containment::Context context() const;

  /// The generation that `event` makes, with its blob stored and both entries appended.
  [[nodiscard]] net::Task<Result<Contained>> take_effect(containment::Event event,
                                                         model::Actor actor);
  /// A generation by the configuration alone, with what a rollback takes back.
  [[nodiscard]] Result<model::Generation> origin(
      const model::Generation& configured,
      const std::optional<containment::PastGeneration>& rollback) const;
  /// Decides `command` and records what it comes to, for events that make no new generation.
  [[nodiscard]] net::Task<Result<containment::Event>> record_event(containment::Command command,
                                                                   model::Actor actor);
  /// Does what is wished, or asks for a second person; `head` says who and why. Under the
  /// caller's turn.
  [[nodiscard]] net::Task<Result<Ordered<Contained>>> do_or_ask(containment::Wish wish,
                                                                containment::Asked head);
  // Second people, under the caller's turn; control_approval.cc. An `id` is made if it is empty.
  [[nodiscard]] net::Task<Result<containment::Asked>> ask(containment::Asked asked);
  [[nodiscard]] net::Task<Result<Given>> give_measure(containment::Asked asked,
                                                      containment::Approval approval);
  [[nodiscard]] net::Task<Result<Given>> give_command(containment::Asked asked,
                                                      containment::Approval approval);
  /// Takes its turn itself, once the rulepack is judged.
  [[nodiscard]] net::Task<Result<Given>> give_rulepack(containment::Asked asked,
                                                       containment::Approval approval);
  /// The order that waits, with what it comes to now; the state may have moved on.
  [[nodiscard]] net::Task<Result<internal::Judgement>> judge_again(containment::Asked asked,
                                                                   RulepackOrder& order);
  /// Records `event`, or the refusal of `command`, and has it obeyed. Under the caller's turn.
  [[nodiscard]] net::Task<Result<KeyChanged>> change_key(std::string_view command,
                                                         Result<containment::KeyEvent> event,
                                                         std::string secret, model::Actor by);
  /// The configuration with these rulepacks and the keys issued, without a measure.
  [[nodiscard]] Result<std::shared_ptr<const model::Generation>> configure(
      const containment::RulepackDigests& digests) const;
  void settle(const model::Entry& entry);
  void note_page(const model::Entry& entry);
  [[nodiscard]] net::Task<Status> record_page(PageEvent event, model::Actor actor);
  [[nodiscard]] net::Task<Result<containment::Receipt>> publish(
      std::shared_ptr<const model::Generation> next, std::string containment);
  /// Marks what passed its expiry, and says again what is overdue.
  [[nodiscard]] containment::RulepackDigests rulepack_digests() const;
  /// What would be obeyed with these rulepacks.
  [[nodiscard]] Result<std::shared_ptr<const model::Generation>> next_generation(
      const containment::RulepackDigests& digests) const;
  [[nodiscard]] net::Task<Result<internal::Judgement>> judge(RulepackOrder order);
  [[nodiscard]] Status may_take_effect(const RulepackOrder& order,
                                       const internal::Judgement& judged) const;
  [[nodiscard]] RulepackChange change_of(const RulepackOrder& order,
                                         const internal::Judgement& judged,
                                         WallTime asked_at) const;
  [[nodiscard]] net::Task<Result<RulepackAnswer>> put_in_force(internal::Judgement judged,
                                                               RulepackChange change);
  [[nodiscard]] std::string next_replay_id(const std::string& incident) const;
  [[nodiscard]] internal::FlightScope flight_scope(const incident::Incident& incident) const;
  [[nodiscard]] net::Task<void> freeze_flights();
  [[nodiscard]] Result<replay::ReplayTest> draft_replay(const BuildReplay& command) const;
  [[nodiscard]] net::Task<void> mark_overdue();
  [[nodiscard]] net::Task<void> follow_up();
  [[nodiscard]] net::Task<Status> record_loaded();
  /// A freeze that is done and not yet recorded.
  struct Custody;
  [[nodiscard]] net::Task<Status> record_freeze(Custody custody);
  [[nodiscard]] Result<evidence::BundleRequest> plan_bundle(const incident::Incident& incident);
  [[nodiscard]] std::string next_evidence_id(const std::string& incident) const;
  [[nodiscard]] std::uint64_t mark_before(WallTime from) const;
  [[nodiscard]] Status add_blobs(const incident::Incident& incident,
                                 evidence::BundleRequest& request);

  Parts parts_;
  ControlOptions options_;
  Ledger ledger_;
  PastGenerations past_;
  incident::Watch watch_;
  std::set<std::string, std::less<>> freezing_;  ///< ids of bundles being written
  std::shared_ptr<const model::Generation> generation_;
  std::shared_ptr<const model::Generation> configured_;  ///< by the configuration and keys
  std::uint64_t last_generation_ = 0;  ///< number and digest as the journal last named them
  std::string last_digest_;
  /// Whose classes the desk was told; none: what routes obey has changed since.
  std::optional<containment::RulepackDigests> measured_for_{std::in_place};
  std::set<std::string, std::less<>> flights_frozen_;  ///< incidents
  /// Every kMarkEvery-th entry with its time, so that a window is found without reading all.
  std::vector<std::pair<WallTime, std::uint64_t>> marks_;
  /// Admitted and not ended, while the journal is recovered; empty afterwards.
  std::map<std::string, model::ExchangeHead> open_exchanges_;
  model::ExchangeReader exchange_reader_;
  /// Refusals that were recorded and whose calls were not yet answered, by detail.
  std::multiset<std::string> refusals_;
  IngestCounts ingest_counts_;
  RulesByPack rules_by_pack_;
  std::string compared_;  ///< generation and baseline of the last comparison
  std::map<std::string, std::deque<MonoTime>, std::less<>> report_times_;  ///< by token
  bool recovering_ = true;
  bool healthy_ = true;
};

}  // namespace cordon::api

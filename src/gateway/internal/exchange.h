// One exchange in any protocol, from its first byte to its end record.
//
// The order of things is the promise: what the evidence must hold is durable before the bytes it
// speaks of go on. A step that fails ends the exchange with a record that says so.
#pragma once

#include "containment/registry.h"
#include "dialect/callout.h"
#include "dialect/openai_moderation.h"
#include "dialect/protocol.h"
#include "dialect/translation.h"
#include "gateway/internal/inspection.h"
#include "gateway/internal/stream_inspector.h"
#include "gateway/internal/worker.h"
#include "net/server.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway {

/// Lives for one request, on one thread, in the frame of its handler.
class Exchange final : public containment::InFlight {
 public:
  Exchange(Worker& worker, net::ServerExchange& client, const dialect::Protocol& protocol);
  ~Exchange() override;

  [[nodiscard]] net::Task<void> run();
  containment::CutResult cut(const containment::Forbidden& why) override;
  /// The grace of a cut is over: whatever is still being written is torn.
  void force() noexcept;

 private:
  using Problem = dialect::Problem;
  /// As many as a request or an answer carries, usually.
  static constexpr std::size_t kHeadersUsual = 16;
  /// An answer of our own.
  struct Decided {
    std::vector<dialect::openai::Moderated> moderated;
    std::string told;      ///< a decision, for the gateway that asked
    std::string provider;  ///< where that gateway sends the exchange, as it says
    std::string model;
  };
  /// The attempt that runs.
  struct Trial {
    const model::Target* target = nullptr;
    TargetHealth* health = nullptr;
    Pass pass = Pass::refused;  ///< until the target's health has been told
    bool again = false;         ///< it failed in a way that may pass, before anything was answered
    MonoTime sent{};            ///< 0: nothing was
    std::optional<std::chrono::milliseconds> asked_wait = {};  ///< by the provider
    dialect::Usage used = {};  ///< what the provider said before it failed
  };
  /// What became of one target.
  enum class Tried : std::uint8_t { ended, next };

  // Admission.
  [[nodiscard]] std::optional<Problem> identify();
  [[nodiscard]] std::optional<Problem> check_head() const;
  [[nodiscard]] std::optional<Problem> admit(std::string_view body);
  [[nodiscard]] bool read_labels();
  [[nodiscard]] bool rule_on_route(std::optional<Problem>& problem);
  [[nodiscard]] const model::Target* first_target();
  [[nodiscard]] bool speaks(const model::Target& target) const;
  [[nodiscard]] bool speaks(const Pool& pool) const;
  [[nodiscard]] std::optional<Problem> check_readable();
  void inspect(std::string_view body);
  void set_fault(dialect::RequestFault fault);
  void take_blocked(BlockedBy by);
  // Limits of the tenant and of the key; exchange_quota.cc.
  void find_quota();
  [[nodiscard]] bool take_quota();
  [[nodiscard]] bool has_quota() const noexcept;
  [[nodiscard]] bool counts_tokens() const noexcept;
  [[nodiscard]] Moment moment() const noexcept;
  void refuse_by_limit(const Quota& quota, const Quota::Refused& refused);
  void settle_quota();
  void add_limit_headers();
  // What it used and cost; exchange_usage.cc.
  void take_usage(const dialect::Usage& usage);
  [[nodiscard]] bool is_priced() const noexcept;
  [[nodiscard]] WallTime began() const noexcept;
  void estimate_usage();
  void settle_usage();
  void price_attempt(model::AttemptRecord& record);
  void price_usage();
  [[nodiscard]] bool append_decision();
  [[nodiscard]] net::Task<void> refuse_recorded(Problem problem);
  [[nodiscard]] net::Task<void> answer_error(Problem problem);

  // Answers of our own.
  void inspect_moderated(Inspection& into, std::span<const dialect::RequestText> texts,
                         const CommitContext& commit);
  [[nodiscard]] net::Task<void> moderate();
  [[nodiscard]] bool take_asked(const dialect::CalloutRequest& callout);
  void decide(const dialect::CalloutRequest& callout);
  [[nodiscard]] net::Task<void> tell_decision();

  // Targets.
  /// The targets of one request in the order in which they are tried.
  struct Order {
    std::array<const model::Target*, model::kTargetsMax> targets{};
    std::array<const Obeyed::Way*, model::kTargetsMax> ways{};
    std::size_t count = 0;
    std::size_t at = 0;       ///< whose turn it is
    std::uint32_t asked = 0;  ///< how often it has been asked
    bool spare = false;       ///< the route's own are spent, these are its fallback
  };
  [[nodiscard]] net::Task<bool> begin_running();
  [[nodiscard]] net::Task<void> forward();
  [[nodiscard]] const Obeyed::Way& way_to(const model::Target& target) const;
  void add_speaking(Order& order, std::span<const model::Target* const> targets) const;
  void arrange(Order& order);
  void draw_by_weight(Order& order);
  [[nodiscard]] bool take_spare(Order& order);
  [[nodiscard]] bool another_may_answer(const Order& order) const;
  [[nodiscard]] const model::Target* open_attempt(Order& order);
  void close_attempt();
  void note_open(const model::Target& target, const TargetHealth& health);
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait_to_retry(Order& order);
  void end_attempt(Attempt how);
  void list_attempt(Attempt how);
  void note_working();
  [[nodiscard]] net::Task<Result<net::ClientExchange>> send_to(const model::Target& target,
                                                               net::SendStage& stage);
  [[nodiscard]] net::Task<Tried> attempt(const model::Target& target);
  [[nodiscard]] net::Task<Tried> take_answer(net::ClientExchange& answer);
  [[nodiscard]] net::Task<Tried> relay_whole(net::ClientExchange& answer);
  [[nodiscard]] net::Task<Tried> relay_error(net::ClientExchange& answer);
  [[nodiscard]] net::Task<Tried> relay_stream(net::ClientExchange& answer);
  [[nodiscard]] Tried failed(Attempt how, Problem problem);
  [[nodiscard]] Tried failed_reading(MonoTime since, std::chrono::milliseconds limit);
  void collect_headers(std::vector<net::Header>& headers) const;
  [[nodiscard]] std::string_view inspect_whole(std::string_view body, std::string& changed);

  // Other dialects; exchange_translate.cc.
  /// What passes between the caller's dialect and another.
  struct Crossing {
    std::string body;  ///< of the request, then of a stream's last bytes
    dialect::RequestFault fault;
    std::unique_ptr<dialect::StreamTranslator> stream;
  };
  [[nodiscard]] bool crosses() const noexcept {
    return pool_->provider.dialect != protocol_.dialect();
  }
  [[nodiscard]] bool translate(const model::Target& target);
  /// The next bytes of a stream, until the next call; nothing if they have no equal.
  [[nodiscard]] std::optional<std::string_view> retold(std::string_view bytes);
  [[nodiscard]] std::int64_t now_s() const noexcept;
  [[nodiscard]] dialect::Usage usage_of(const StreamInspector& inspector) const noexcept;

  // Streams.
  [[nodiscard]] StreamContext stream_context();
  [[nodiscard]] bool may_wait(const StreamInspector& inspector, std::size_t bytes) const noexcept;
  [[nodiscard]] net::Task<bool> begin_stream();
  [[nodiscard]] net::Task<bool> send_frames(std::string_view frames, StreamInspector& inspector);
  void begin_write() noexcept;
  /// False if the frames did not reach the client, and nothing more will.
  [[nodiscard]] bool end_write(const Status& written, StreamInspector& inspector) noexcept;
  [[nodiscard]] net::Task<Tried> settle(StreamInspector& inspector, StreamState state,
                                        std::string last, net::ClientExchange& answer);
  [[nodiscard]] net::Task<Tried> end_relay(StreamInspector& inspector, Attempt how,
                                           Problem problem);
  [[nodiscard]] net::Task<void> drain(net::ClientExchange& answer);
  void take_stream_result(StreamInspector& inspector);

  // Ends.
  [[nodiscard]] bool interrupted() const noexcept { return killed_ || gone_; }
  [[nodiscard]] bool out_of_time() const noexcept;
  [[nodiscard]] net::Task<void> end_broken(model::End end, Problem problem);
  [[nodiscard]] net::Task<void> end_interrupted();
  [[nodiscard]] net::Task<bool> record_end(model::End end, int status);
  [[nodiscard]] std::optional<std::uint64_t> append_end(model::End end, int status);
  void add_request_hits(model::End end);
  void amend_end();
  void add_common_headers();
  [[nodiscard]] static Problem problem_of(const containment::Forbidden& why) noexcept;
  [[nodiscard]] dialect::ErrorDetail error_detail() const;
  [[nodiscard]] std::uint64_t elapsed_us() const noexcept;
  [[nodiscard]] CommitContext commit_context();
  /// Of the route; only after the ruling.
  [[nodiscard]] model::Durability durability() const noexcept { return ruling_.route->durability; }
  void give_captured();
  void on_client_gone();

  Worker& worker_;
  net::ServerExchange& client_;
  const dialect::Protocol& protocol_;
  std::shared_ptr<const Obeyed> obeyed_;
  containment::Caller caller_;
  std::array<Quota*, 2> quotas_{};  ///< the tenant's and the key's; null: it has no limits
  bool taken_ = false;              ///< and not settled yet
  std::uint64_t tokens_reserved_ = 0;
  std::int64_t taken_on_ = 0;                          ///< the day
  const std::vector<model::Price>* prices_ = nullptr;  ///< of the target that was asked last
  bool usage_unfinished_ = false;                      ///< the provider said it before it had ended
  bool unpriced_ = false;  ///< an attempt was billed for which no price is in force
  std::unique_ptr<std::array<std::string, 6>> limit_texts_;  ///< what headers_ points to
  containment::Ruling ruling_;
  const Obeyed::Route* route_ = nullptr;
  const Obeyed::Rules* rules_ = nullptr;
  const policy::Engine* engine_ = nullptr;
  std::shared_ptr<Pool> pool_;
  dialect::ForwardPlan plan_;
  std::unique_ptr<dialect::RequestFault> fault_;     ///< null until there is one
  std::unique_ptr<model::DecisionRecord> decision_;  ///< from the ruling until it is appended
  model::EndRecord end_;  ///< its head is the exchange's, from the ruling on
  std::uint64_t request_bytes_ = 0;
  model::Action request_action_ = model::Action::allow;
  std::vector<model::Hit> request_hits_;  ///< for the end record, which tells what came of them
  Inspection answer_inspection_;
  std::unique_ptr<BlockedBy> blocked_by_;  ///< likewise
  Commitment answer_commitment_;
  Trial trial_;
  std::unique_ptr<Crossing> crossing_;  ///< null until a target of another dialect is chosen
  std::unique_ptr<Captured> captured_;  ///< null where nothing is kept
  std::string decision_id_;
  std::string end_id_;
  std::string measure_id_;
  std::string use_case_;
  std::vector<std::string> flags_;
  std::string request_id_;
  std::string served_by_;
  std::string overhead_;
  std::string retry_after_;
  std::string pending_;                                ///< frames of a stream that has not begun
  std::optional<std::chrono::milliseconds> open_for_;  ///< the soonest of the open breakers
  std::unique_ptr<Decided> decided_;                   ///< null where a provider answers
  std::vector<net::Header> headers_;
  std::optional<std::uint64_t> decision_seq_;
  std::optional<std::uint64_t> next_event_;  ///< of a stream whose frames are numbered
  Problem last_problem_ = Problem::upstream_error;
  model::End last_end_ = model::End::upstream_error;
  MonoTime started_{};
  MonoTime upstream_spent_{};
  bool stream_ = false;
  dialect::StreamWishes wishes_;
  bool killed_ = false;
  bool gone_ = false;
  bool finishing_ = false;  ///< the end record is written: the outcome no longer changes
  bool recording_ = false;  ///< it is being made durable, and nothing is being written
};

}  // namespace cordon::gateway

#include "gateway/internal/exchange.h"

#include "base/uuid.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::gateway {
namespace {

using containment::Admission;
using dialect::Problem;
using model::Action;
using model::End;

constexpr std::size_t kNameBytesMax = 128;

bool is_visible(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kNameBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_json(std::string_view content_type) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return net::equal_ignoring_case(type, "application/json");
}

/// Adds the names of a list, each once; false if one is not a name or there are too many.
bool add_flags(std::string_view list, std::vector<std::string>& flags) {
  while (true) {
    const std::size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!is_visible(name)) return false;
    if (std::find(flags.begin(), flags.end(), name) == flags.end()) flags.emplace_back(name);
    if (flags.size() > model::kFlagsMax) return false;
    if (comma == list.npos) return true;
    list.remove_prefix(comma + 1);
  }
}

std::string_view reason_of(Problem problem) noexcept {
  switch (problem) {
    case Problem::policy_block:
      return "policy";
    case Problem::switched_off:
      return "switch";
    case Problem::locked_down:
      return "lockdown";
    case Problem::uninspectable:
      return "uninspected";
    case Problem::malformed:
      return "no_rules";
    default:
      return "no_target";
  }
}

}  // namespace

Exchange::Exchange(Worker& worker, net::ServerExchange& client, const dialect::Protocol& protocol)
    : worker_(worker), client_(client), protocol_(protocol), started_(worker.loop.now()) {
  if (protocol.answered_by() != dialect::AnsweredBy::provider) {
    decided_ = std::make_unique<Decided>();
  }
  ++worker_.running;
  worker_.counters.running.set(worker_.running);
}

Exchange::~Exchange() {
  if (!finishing_) settle_usage();
  --worker_.running;
  worker_.counters.running.set(worker_.running);
  if (killed_) {
    wrote_last_byte(worker_.clock.wall());
    worker_.forget_cut(*this);
  }
}

std::uint64_t Exchange::elapsed_us() const noexcept {
  const auto spent = worker_.clock.mono() - started_;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
}

CommitContext Exchange::commit_context() {
  return {&worker_.scratch.commitment, &worker_.commitment_key, end_.head.exchange,
          captured_.get()};
}

net::Task<void> Exchange::run() {
  if (const auto problem = identify()) co_return co_await answer_error(*problem);
  if (const auto problem = check_head()) co_return co_await answer_error(*problem);
  const std::size_t most = obeyed_->effective().generation().limits.body_bytes_max;
  const auto body = co_await client_.read_body(most);
  if (!body) co_return;
  worker_.counters.request_bytes.add(body->size());
  if (obeyed_ != worker_.obeyed) {
    // What is obeyed changed while the body came in; so may who calls have.
    if (const auto problem = identify()) co_return co_await answer_error(*problem);
  }
  const auto problem = admit(*body);
  if (problem && ruling_.route == nullptr) co_return co_await answer_error(*problem);
  if (problem) co_return co_await refuse_recorded(*problem);
  switch (protocol_.answered_by()) {
    case dialect::AnsweredBy::rules:
      co_return co_await moderate();
    case dialect::AnsweredBy::decision:
      co_return co_await tell_decision();
    case dialect::AnsweredBy::provider:
      break;
  }
  co_await forward();
}

/// Who calls; and whether this node can serve anybody now.
std::optional<Problem> Exchange::identify() {
  request_id_ = client_.request().header("x-request-id");
  if (!is_visible(request_id_)) request_id_.clear();
  if (const auto problem = worker_.unready()) return problem;
  obeyed_ = worker_.obeyed;
  const Presented presented = key_of(client_.request());
  if (!presented.fault.empty()) {
    set_fault({std::string(presented.fault), {}, "ambiguous_key"});
    return Problem::malformed;
  }
  caller_ = obeyed_->effective().caller_of(presented.key, worker_.clock);
  if (caller_.tenant == nullptr) return Problem::bad_key;
  find_quota();
  if (worker_.overloaded()) return Problem::overloaded;
  return std::nullopt;
}

std::optional<Problem> Exchange::check_head() const {
  const net::RequestHead& head = client_.request();
  const std::string_view encoding = head.header("content-encoding");
  const bool plain = encoding.empty() || net::equal_ignoring_case(encoding, "identity");
  if (!is_json(head.header("content-type")) || !plain) return Problem::wrong_content_type;
  const auto& limits = obeyed_->effective().generation().limits;
  if (head.framing == net::Framing::length && head.content_length > limits.body_bytes_max) {
    return Problem::too_large;
  }
  return std::nullopt;
}

/// Everything that is decided before the request goes anywhere. Does not suspend. A problem with
/// a route is a decision and is recorded; one without is not the record's business.
std::optional<Problem> Exchange::admit(std::string_view body) {
  if (!read_labels()) return Problem::malformed;
  auto& request = *worker_.scratch.of(protocol_).request;
  codec::JsonIndexLimits limits;
  limits.bytes_max = std::max(limits.bytes_max, body.size());
  if (auto parsed = request.parse(body, limits); !parsed) {
    set_fault(std::move(parsed).error());
    return Problem::malformed;
  }
  plan_ = request.plan();
  const dialect::CalloutRequest* const callout = request.as_callout();
  if (callout != nullptr && !take_asked(*callout)) return Problem::unknown_model;
  stream_ = request.stream();
  wishes_ = {.include_usage = request.include_usage(), .request_bytes = body.size()};
  std::optional<Problem> problem;
  if (!rule_on_route(problem)) return problem;
  if (!problem) problem = check_readable();
  if (!problem && !take_quota()) {
    // No decision of the rules, and no entry: a flood of these must not fill the journal.
    ruling_.route = nullptr;
    problem = Problem::rate_limited;
    request.shrink_to(256 * 1024);
    return problem;
  }
  if (!problem) {
    inspect(body);
    if (decision_->action == Action::block) problem = Problem::policy_block;
    if (!problem && callout != nullptr) decide(*callout);
  }
  request.shrink_to(256 * 1024);
  return problem;
}

/// What the application says of itself, for scopes to name; false, with a fault, if it is not to
/// be read.
bool Exchange::read_labels() {
  const net::RequestHead& head = client_.request();
  use_case_ = head.header("x-cordon-use-case");
  if (!use_case_.empty() && !is_visible(use_case_)) {
    set_fault({"'x-cordon-use-case' must be 1 to 128 visible ASCII characters.",
               "x-cordon-use-case", "invalid_value"});
    return false;
  }
  flags_.clear();
  for (const net::Header& header : head.headers) {
    if (!net::equal_ignoring_case(header.name, "x-cordon-flags")) continue;
    if (add_flags(header.value, flags_)) continue;
    set_fault({fmt::format("'x-cordon-flags' must list at most {} names of 1 to {} visible ASCII "
                           "characters, separated by commas.",
                           model::kFlagsMax, kNameBytesMax),
               "x-cordon-flags", "invalid_value"});
    return false;
  }
  return true;
}

/// False when there is no route to speak of; then `problem` says so.
bool Exchange::rule_on_route(std::optional<Problem>& problem) {
  place.route = plan_.model;
  place.tenant = caller_.tenant->name;
  place.key = caller_.key == nullptr ? std::string_view() : caller_.key->id;
  place.use_case = use_case_;
  place.flags = flags_;
  const bool decides = protocol_.answered_by() == dialect::AnsweredBy::decision;
  ruling_ = decides ? obeyed_->effective().rule_as_named(place) : obeyed_->effective().rule(place);
  if (ruling_.admission == Admission::unknown_route ||
      ruling_.admission == Admission::forbidden_route || ruling_.route == nullptr) {
    ruling_.route = nullptr;
    problem = Problem::unknown_model;
    return false;
  }
  place.route = ruling_.route->name;
  measure_id_ = ruling_.measure_id;
  if (ruling_.admission == Admission::switched_off) problem = Problem::switched_off;
  if (ruling_.admission == Admission::locked_down) problem = Problem::locked_down;
  const bool forwards = protocol_.answered_by() == dialect::AnsweredBy::provider;
  if (!problem && forwards && ruling_.target_count == 0) {
    const bool has_targets = !ruling_.route->targets.empty();
    problem = has_targets ? Problem::upstream_error : Problem::wrong_dialect;
  }
  const model::Target* const first = forwards ? first_target() : nullptr;
  if (!problem && forwards && first == nullptr) problem = Problem::wrong_dialect;
  const Obeyed::Route& route = obeyed_->routes.find(ruling_.route->name)->second;
  route_ = &route;
  const bool diverted = !ruling_.fallback_id.empty() && route.in_fallback.has_value();
  rules_ = diverted ? &*route.in_fallback : &route.rules;
  engine_ = rules_->engine.get();
  model::ExchangeHead& head = end_.head;
  head.exchange = make_uuid7(worker_.clock, worker_.random);
  head.generation = obeyed_->effective().generation().number;
  head.tenant = caller_.tenant->name;
  head.key = place.key;
  if (caller_.limited != nullptr) head.key = label_of(caller_.limited->sha256);
  head.route = ruling_.route->name;
  head.use_case = use_case_;
  head.flags = flags_;
  head.mode = ruling_.mode;
  head.surface = protocol_.surface_name();
  if (first != nullptr) {
    head.provider = first->provider;
    head.model = first->model;
  }
  decision_ = std::make_unique<model::DecisionRecord>();
  decision_->durability = durability();
  const bool capture = ruling_.route->capture == model::Capture::on;
  if (capture && worker_.options.capture != nullptr) captured_ = std::make_unique<Captured>();
  request_bytes_ = plan_.body.size();
  return true;
}

bool Exchange::speaks(const model::Target& target) const {
  const auto pool = obeyed_->pools.find(target.provider);
  return pool != obeyed_->pools.end() && speaks(*pool->second);
}

/// Or its route has the exchange translated.
bool Exchange::speaks(const Pool& pool) const {
  if (pool.provider.dialect == protocol_.dialect()) return true;
  return ruling_.route->translate == model::Translate::on &&
         dialect::is_translatable(protocol_.surface(), pool.provider.dialect);
}

/// The first target that speaks the caller's protocol; if there are only others, a fault that
/// says where one of them can be asked.
const model::Target* Exchange::first_target() {
  for (const model::Target* const target : ruling_.targets()) {
    if (speaks(*target)) return target;
  }
  if (ruling_.target_count == 0) return nullptr;
  const model::Target& other = *ruling_.targets()[0];
  const auto pool = obeyed_->pools.find(other.provider);
  if (pool == obeyed_->pools.end()) return nullptr;
  const dialect::Protocol& spoken = pool->second->protocol;
  set_fault({fmt::format("Route '{}' goes to '{}/{}', which speaks {}: ask for it at {}.",
                         ruling_.route->name, other.provider, other.model,
                         model::to_string(spoken.dialect()), spoken.gateway_path()),
             "model",
             {}});
  return nullptr;
}

/// What no rule can read is refused where rules may act, unless the route lets it pass.
std::optional<Problem> Exchange::check_readable() {
  if (engine_ == nullptr && protocol_.answered_by() == dialect::AnsweredBy::rules) {
    set_fault({fmt::format("Route '{}' has no rules, so there is nothing to moderate by.",
                           ruling_.route->name),
               "model",
               {}});
    return Problem::malformed;
  }
  const dialect::Request& request = *worker_.scratch.of(protocol_).request;
  const std::string_view param = request.unread_param();
  if (param.empty() || engine_ == nullptr) return std::nullopt;
  decision_->uninspected = param;
  const bool passes = ruling_.route->uninspected == model::Uninspected::pass ||
                      ruling_.mode == model::Mode::observe;
  if (passes) return std::nullopt;
  set_fault({fmt::format("The rules of route '{}' cannot inspect '{}': {}.", ruling_.route->name,
                         param, request.unread_advice()),
             std::string(param),
             {}});
  return Problem::uninspectable;
}

void Exchange::inspect(std::string_view body) {
  const CommitContext commit = commit_context();
  decision_->request_commit =
      worker_.scratch.commitment.of(*commit.key, commit.exchange, "req", body);
  if (engine_ == nullptr) return;
  Inspection inspection;
  const auto texts = worker_.scratch.of(protocol_).request->texts();
  if (protocol_.answered_by() == dialect::AnsweredBy::rules) {
    inspect_moderated(inspection, texts, commit);
  } else {
    inspect_request(inspection, *engine_, ruling_.mode, texts, plan_.splices, commit);
  }
  decision_->verdict = inspection.verdict;
  decision_->action = inspection.action;
  decision_->scanned = inspection.scanned;
  request_hits_ = std::move(inspection.hits);
  decision_->hits = request_hits_;
  for (model::Hit& hit : decision_->hits) hit.delivered = 0;
  if (inspection.is_blocked()) take_blocked(std::move(inspection.blocked));
}

void Exchange::set_fault(dialect::RequestFault fault) {
  fault_ = std::make_unique<dialect::RequestFault>(std::move(fault));
}

void Exchange::take_blocked(BlockedBy by) {
  blocked_by_ = std::make_unique<BlockedBy>(std::move(by));
}

bool Exchange::append_decision() {
  request_action_ = decision_->action;
  worker_.counters.on_request[static_cast<std::size_t>(request_action_)].add();
  decision_->head = end_.head;
  decision_->request_bytes = request_bytes_;
  std::string& entry = worker_.scratch.entry;
  entry.clear();
  decision_id_ = append_entry(worker_.writer, *decision_, entry);
  decision_.reset();  // a stream may be idle for long
  // A whole answer waits for its end record, which takes this one along; a stream's first byte
  // waits for this one alone.
  const bool eager = durability() == model::Durability::before_forward ||
                     (durability() == model::Durability::before_answer && stream_);
  decision_seq_ = worker_.append(entry, eager ? journal::Urgency::eager : journal::Urgency::lazy);
  return decision_seq_.has_value();
}

/// A refusal that is itself a decision: recorded whole before it is told.
net::Task<void> Exchange::refuse_recorded(Problem problem) {
  decision_->reason = reason_of(problem);
  decision_->switch_id = measure_id_;
  if (problem != Problem::policy_block) decision_->action = Action::block;
  if (!append_decision()) {
    co_return co_await answer_error(Problem::evidence_unavailable);
  }
  const End end = problem == Problem::policy_block ? End::blocked : End::refused;
  const int status = protocol_.rejection_of(problem).status;
  const bool recorded = co_await record_end(end, status);
  co_await answer_error(recorded ? problem : Problem::evidence_unavailable);
}

dialect::ErrorDetail Exchange::error_detail() const {
  dialect::ErrorDetail detail;
  if (fault_) {
    detail.message = fault_->message;
    detail.param = fault_->param;
    detail.code = fault_->code;
  }
  detail.request_id = request_id_;
  detail.decision_id = decision_id_;
  if (blocked_by_) {
    detail.rule_id = blocked_by_->rule;
    detail.policy_digest = blocked_by_->digest;
  }
  detail.measure_id = measure_id_;
  detail.event_number = next_event_;
  return detail;
}

net::Task<void> Exchange::answer_error(Problem problem) {
  headers_.clear();
  add_common_headers();
  const bool passes = problem == Problem::rate_limited || problem == Problem::upstream_unavailable;
  if (!retry_after_.empty() && passes) {
    headers_.push_back({"retry-after", retry_after_});
  }
  Refusal refusal{protocol_, problem, error_detail()};
  if (problem == Problem::unknown_model) refusal.detail.param = "model";
  co_await refuse(worker_, client_, refusal, headers_);
}

void Exchange::add_common_headers() {
  if (request_id_.empty()) {
    request_id_ =
        end_.head.exchange.empty() ? make_uuid7(worker_.clock, worker_.random) : end_.head.exchange;
  }
  headers_.reserve(headers_.size() + kHeadersUsual);
  headers_.push_back({"x-request-id", request_id_});
  if (protocol_.request_id_header() != "x-request-id") {
    headers_.push_back({protocol_.request_id_header(), request_id_});
  }
  add_limit_headers();
  if (decision_id_.empty()) return;
  headers_.push_back({"x-cordon-decision-id", decision_id_});
  headers_.push_back({"x-cordon-mode", to_string(ruling_.mode)});
  if (rules_ != nullptr && !rules_->policy.empty()) {
    headers_.push_back({"x-cordon-policy", rules_->policy});
  }
  if (!served_by_.empty()) headers_.push_back({"x-cordon-served-by", served_by_});
  const auto upstream = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(upstream_spent_).count());
  const std::uint64_t total = elapsed_us();
  const std::uint64_t own = total > upstream ? total - upstream : 0;
  worker_.counters.overhead.add(own);
  overhead_ = fmt::format("{}.{:03}", own / 1000, own % 1000);
  headers_.push_back({"x-cordon-overhead-ms", overhead_});
  end_.first_byte_us = total;
}

std::optional<std::uint64_t> Exchange::append_end(End end, int status) {
  finishing_ = true;
  end_.end = end;
  end_.status = status;
  end_.stream = stream_;
  end_.total_us = elapsed_us();
  end_.verdict = answer_inspection_.verdict;
  end_.action = answer_inspection_.action;
  if (end == End::blocked && answer_inspection_.action != Action::block) {
    end_.action = request_action_;
  }
  end_.scanned = answer_inspection_.scanned;
  end_.hits = std::move(answer_inspection_.hits);
  add_request_hits(end);
  if (pool_) {
    end_.head.provider = place.provider;
    end_.head.model = place.model;
  }
  settle_usage();
  worker_.counters.ended[static_cast<std::size_t>(end)].add();
  worker_.counters.on_answer[static_cast<std::size_t>(end_.action)].add();
  worker_.counters.answer_bytes.add(end_.received_bytes);
  worker_.counters.duration.add(end_.total_us);
  std::string& entry = worker_.scratch.entry;
  entry.clear();
  end_id_ = append_entry(worker_.writer, end_, entry);
  give_captured();
  const bool lazy = durability() == model::Durability::deferred;
  return worker_.append(entry, lazy ? journal::Urgency::lazy : journal::Urgency::eager);
}

/// What was found in the request stands in the end record too, because only now is it known what
/// came of it: an injection did its work when the request was forwarded and anything of an answer
/// went out. What else a request holds has not come out of a model.
void Exchange::add_request_hits(End end) {
  const bool answered = end == End::complete || end_.released_bytes > 0;
  for (model::Hit& hit : request_hits_) {
    const bool injection = hit.of_class == model::IncidentClass::prompt_injection_bypass;
    if (!answered || !injection) hit.delivered = 0;
    end_.hits.push_back(std::move(hit));
  }
  request_hits_.clear();
}

void Exchange::give_captured() {
  if (!captured_ || captured_->texts.empty()) return;
  captured_->exchange = end_.head.exchange;
  captured_->at = worker_.clock.wall();
  captured_->route = end_.head.route;
  captured_->provider = end_.head.provider;
  captured_->model = end_.head.model;
  captured_->tenant = end_.head.tenant;
  captured_->use_case = end_.head.use_case;
  captured_->mode = end_.head.mode;
  worker_.options.capture->keep(std::move(*captured_));
  captured_.reset();
}

/// Appends the end record and, unless the route defers its evidence, waits until it is on disk.
/// The wait is not cut: the outcome is decided, and the switch that would cut it has waited for
/// the same disk. What is written after it has a grace of its own.
net::Task<bool> Exchange::record_end(End end, int status) {
  const auto sequence = append_end(end, status);
  if (!sequence) co_return false;
  if (durability() == model::Durability::deferred) co_return true;
  recording_ = true;
  const bool recorded = co_await worker_.reach_durable(*sequence, nullptr);
  recording_ = false;
  if (killed_) {
    worker_.forget_cut(*this);
    worker_.watch_cut(*this);
  }
  co_return recorded;
}

/// The record says that the answer went out, and it was torn on its way: by the end of a cut's
/// grace, or by a client that left. What was written cannot be unwritten, so a second entry says
/// it.
void Exchange::amend_end() {
  end_.amends = end_id_;
  end_.end = killed_ ? End::killed : End::client_gone;
  was_torn();
  end_.scanned = {};
  end_.hits.clear();
  std::string& entry = worker_.scratch.entry;
  entry.clear();
  (void)append_entry(worker_.writer, end_, entry);
  (void)worker_.append(entry, journal::Urgency::lazy);
}

Problem Exchange::problem_of(const containment::Forbidden& why) noexcept {
  if (why.why == Admission::key_revoked) return Problem::bad_key;
  return why.why == Admission::locked_down ? Problem::locked_down : Problem::switched_off;
}

containment::CutResult Exchange::cut(const containment::Forbidden& why) {
  killed_ = true;
  measure_id_ = why.measure_id;
  last_problem_ = problem_of(why);
  worker_.watch_cut(*this);
  if (finishing_) {
    stays_whole();
    return containment::CutResult::was_ending;
  }
  client_.cut();
  return containment::CutResult::cut;
}

void Exchange::force() noexcept {
  if (recording_) return;
  client_.cancel().reset();
  client_.cut();
}

void Exchange::on_client_gone() {
  gone_ = true;
  if (!finishing_) client_.cut();
}

bool Exchange::out_of_time() const noexcept {
  return worker_.loop.now() - started_ > obeyed_->effective().generation().limits.exchange_time_max;
}

}  // namespace cordon::gateway

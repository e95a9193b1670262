#include "sim/provider.h"

#include "codec/json.h"
#include "sim/internal/reply.h"
#include "sim/internal/request.h"
#include "sim/internal/speaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::sim {
namespace {

constexpr std::size_t kBodyBytesMax = 16 * 1024 * 1024;
constexpr std::chrono::milliseconds kStallMax{600'000};
constexpr std::array<net::Header, 1> kJson = {{{"content-type", "application/json"}}};

/// Writes frames `step` at a time, the first `count` of them.
struct Batches {
  std::string_view bytes;
  std::span<const std::size_t> ends;
  std::size_t count = 0;
  std::size_t step = 0;  ///< 0: all
  std::chrono::milliseconds delay{0};
};

/// The head of one answer. Holds what its headers point to.
class Head {
 public:
  Head(Shape shape, std::uint64_t turn) : id_(fmt::format("req_{:016x}", turn)) {
    headers_.push_back({shape == Shape::openai ? "x-request-id" : "request-id", id_});
  }
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  [[nodiscard]] std::string_view request_id() const noexcept { return id_; }
  [[nodiscard]] std::span<const net::Header> json() { return with("application/json"); }
  [[nodiscard]] std::span<const net::Header> events() {
    headers_.push_back({"cache-control", "no-cache"});
    return with("text/event-stream; charset=utf-8");
  }
  void say_retry_after(Shape shape, std::string_view text) {
    retry_after_ = text;
    if (!text.empty()) headers_.push_back({"retry-after", retry_after_});
    const bool openai = shape == Shape::openai;
    headers_.push_back(
        {openai ? "x-ratelimit-limit-requests" : "anthropic-ratelimit-requests-limit", "60"});
    headers_.push_back(
        {openai ? "x-ratelimit-remaining-requests" : "anthropic-ratelimit-requests-remaining",
         "0"});
  }

 private:
  [[nodiscard]] std::span<const net::Header> with(std::string_view type) {
    headers_.push_back({"content-type", type});
    return headers_;
  }

  std::string id_;
  std::string retry_after_;
  net::Headers headers_;
};

/// The status of a scenario that refuses; 0 for those that answer.
int refusal_status(const Plan& plan) noexcept {
  switch (plan.scenario) {
    case Scenario::error_401:
      return 401;
    case Scenario::error_429:
      return 429;
    case Scenario::error_500:
      return 500;
    case Scenario::overloaded:
      return plan.shape == Shape::openai ? 503 : 529;
    case Scenario::error_frame:
      return plan.streamed ? 0 : 500;
    case Scenario::context_length:
    case Scenario::content_filter:
    case Scenario::prefill:
      return 400;
    default:
      return 0;
  }
}

std::string_view refusal_text(int status) noexcept {
  switch (status) {
    case 401:
      return "Incorrect API key provided.";
    case 429:
      return "Slow down.";
    case 500:
      return "Out of order.";
    default:
      return "Overloaded.";
  }
}

/// How it says no, but for the id of the request.
Refusal refusal_of(const Plan& plan, int status) noexcept {
  const bool openai = plan.shape == Shape::openai;
  Refusal refusal;
  refusal.status = status;
  switch (plan.scenario) {
    case Scenario::context_length:
      refusal.message = openai ? "This model's maximum context length is 8192 tokens."
                               : "prompt is too long: 250000 tokens > 200000 maximum";
      refusal.code = "context_length_exceeded";
      break;
    case Scenario::content_filter:
      refusal.message = openai ? "The response was filtered due to the prompt."
                               : "Output blocked by content filtering policy";
      refusal.code = "content_filter";
      break;
    case Scenario::prefill:
      refusal.message =
          "This model does not support assistant message prefill. The conversation must end with "
          "a user message.";
      break;
    default:
      refusal.message = refusal_text(status);
  }
  return refusal;
}

std::string list_models(Shape shape, const std::vector<std::string>& names) {
  codec::Json data = codec::Json::array();
  for (const std::string& name : names) {
    if (shape == Shape::openai) {
      data.push_back({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "sim"}});
    } else {
      data.push_back({{"type", "model"},
                      {"id", name},
                      {"display_name", name},
                      {"created_at", "2026-01-01T00:00:00Z"}});
    }
  }
  if (shape == Shape::openai) return codec::write_json({{"object", "list"}, {"data", data}});
  const codec::Json none;
  return codec::write_json({{"data", data},
                            {"has_more", false},
                            {"first_id", names.empty() ? none : codec::Json(names.front())},
                            {"last_id", names.empty() ? none : codec::Json(names.back())}});
}

/// Where a provider is asked for something.
struct Asked {
  std::string_view path;
  Shape shape;
  Purpose purpose;
};
constexpr std::array<Asked, 6> kAsked = {
    {{"/v1/chat/completions", Shape::openai, Purpose::answer},
     {"/v1/messages", Shape::anthropic, Purpose::answer},
     {"/v1/messages/count_tokens", Shape::anthropic, Purpose::count_tokens},
     {"/v1/completions", Shape::openai, Purpose::completion},
     {"/v1/responses", Shape::openai, Purpose::response},
     {"/v1/embeddings", Shape::openai, Purpose::embedding}}};

/// Clients of Anthropic's API name a version in every request.
Shape shape_of(const net::RequestHead& head) {
  const bool anthropic =
      head.path.starts_with("/v1/messages") || !head.header("anthropic-version").empty();
  return anthropic ? Shape::anthropic : Shape::openai;
}

}  // namespace

struct Provider::State {
  State(net::Loop& on, Options with)
      : loop(on),
        options(std::move(with)),
        scope(on),
        speaker(options.seed, options.leaks, options.behaviour) {}

  [[nodiscard]] net::Task<void> complete(net::ServerExchange& exchange, Shape shape,
                                         Purpose purpose);
  [[nodiscard]] net::Task<void> answer_scripted(net::ServerExchange& exchange, Scripted script);
  [[nodiscard]] net::Task<void> perform(net::ServerExchange& exchange, Plan plan,
                                        std::uint64_t turn);
  [[nodiscard]] net::Task<void> stream(net::ServerExchange& exchange, const Plan& plan, Head& head);
  [[nodiscard]] net::Task<bool> write(net::ServerExchange& exchange, Batches batches);
  [[nodiscard]] net::Task<void> stall(net::ServerExchange& exchange);
  [[nodiscard]] net::Task<void> refuse(net::ServerExchange& exchange, Shape shape,
                                       const Refusal& refusal);
  [[nodiscard]] net::Task<void> control(net::ServerExchange& exchange);
  void keep(const net::RequestHead& head, std::string_view body);

  net::Loop& loop;
  Options options;
  net::Scope scope;
  Speaker speaker;
  std::unique_ptr<net::Server> server;
  std::optional<Scripted> script;
  Ask ask;  ///< of the request at hand; not used after an await
  LastRequest last;
};

net::Task<void> Provider::State::refuse(net::ServerExchange& exchange, Shape shape,
                                        const Refusal& refusal) {
  Head head(shape, speaker.counts().completions);
  Refusal signed_one = refusal;
  signed_one.request_id = head.request_id();
  const std::string body = write_error(shape, signed_one);
  const auto headers = head.json();
  (void)co_await exchange.respond(refusal.status, headers, body);
}

/// Silence, until the reader leaves, the provider stops, or ten minutes have passed.
net::Task<void> Provider::State::stall(net::ServerExchange& exchange) {
  constexpr std::chrono::milliseconds kLook{50};
  for (auto waited = kLook; waited < kStallMax && !exchange.client_gone(); waited += kLook) {
    if (!co_await net::sleep(scope, kLook)) break;
  }
  exchange.abort();
}

/// False when the reader is gone or the provider stops.
net::Task<bool> Provider::State::write(net::ServerExchange& exchange, Batches batches) {
  const std::size_t step = batches.step == 0 ? batches.count : batches.step;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < batches.count; at += step) {
    if (at > 0 && batches.delay.count() > 0) {
      if (!co_await net::sleep(scope, batches.delay)) co_return false;
    }
    const std::size_t end = batches.ends[std::min(at + step, batches.count) - 1];
    const std::string_view piece = batches.bytes.substr(begin, end - begin);
    begin = end;
    if (!co_await exchange.write(piece)) {
      ++speaker.counts().client_gone;
      co_return false;
    }
  }
  co_return true;
}

net::Task<void> Provider::State::stream(net::ServerExchange& exchange, const Plan& plan,
                                        Head& head) {
  const auto headers = head.events();
  if (!exchange.begin(200, headers)) co_return;
  if (plan.head_delay.count() > 0 && !co_await net::sleep(scope, plan.head_delay)) {
    co_return exchange.abort();
  }
  const bool half = plan.scenario == Scenario::stall || plan.scenario == Scenario::cut ||
                    plan.scenario == Scenario::error_frame;
  const bool ends = plan.scenario != Scenario::no_terminal;
  if (!half && ends && plan.chunk_delay.count() == 0 && plan.chunks_per_write == 0) {
    if (!co_await exchange.end(plan.stream.bytes)) ++speaker.counts().client_gone;
    co_return;
  }
  Batches batches;
  batches.bytes = plan.stream.bytes;
  batches.ends = plan.stream.ends;
  batches.count = half ? plan.stream.ends.size() / 2 : plan.stream.ends.size();
  batches.delay = plan.chunk_delay;
  batches.step = plan.chunks_per_write;
  if (batches.step == 0 && batches.delay.count() > 0) batches.step = 1;
  const bool alive = co_await write(exchange, batches);
  if (!alive || plan.scenario == Scenario::cut) co_return exchange.abort();
  if (plan.scenario == Scenario::stall) co_return co_await stall(exchange);
  std::string ending = plan.stream.bytes.substr(plan.stream.body_bytes());
  if (plan.scenario == Scenario::error_frame) {
    Refusal refusal{.status = plan.shape == Shape::openai ? 503 : 529,
                    .message = "Overloaded.",
                    .request_id = head.request_id()};
    if (plan.purpose == Purpose::response) refusal.event_number = batches.count;
    ending = write_error_frame(plan.shape, refusal);
  }
  if (!ends) ending.clear();
  (void)co_await exchange.end(ending);
}

net::Task<void> Provider::State::perform(net::ServerExchange& exchange, Plan plan,
                                         std::uint64_t turn) {
  if (plan.first_delay.count() > 0 && !co_await net::sleep(scope, plan.first_delay)) {
    co_return exchange.abort();
  }
  if (plan.scenario == Scenario::reset) co_return exchange.abort();
  if (plan.scenario == Scenario::silence) co_return co_await stall(exchange);
  Head head(plan.shape, turn);
  if (const int status = refusal_status(plan); status != 0) {
    if (status == 429 || status >= 503) head.say_retry_after(plan.shape, plan.retry_after);
    Refusal refusal = refusal_of(plan, status);
    refusal.request_id = head.request_id();
    const std::string body = write_error(plan.shape, refusal);
    const auto headers = head.json();
    (void)co_await exchange.respond(status, headers, body);
    co_return;
  }
  if (plan.streamed) co_return co_await stream(exchange, plan, head);
  if (plan.scenario == Scenario::stall) co_return co_await stall(exchange);
  const std::string_view body = plan.stream.bytes;
  const auto headers = head.json();
  if (plan.scenario == Scenario::cut) {
    const std::string_view half = body.substr(0, body.size() / 2);
    if (exchange.begin(200, headers)) (void)co_await exchange.write(half);
    co_return exchange.abort();
  }
  if (!co_await exchange.respond(200, headers, body)) ++speaker.counts().client_gone;
}

net::Task<void> Provider::State::answer_scripted(net::ServerExchange& exchange, Scripted script_) {
  std::vector<net::Header> headers{{"content-type", script_.content_type}};
  if (const std::size_t colon = script_.extra_header.find(": "); colon != std::string::npos) {
    const std::string_view extra = script_.extra_header;
    headers.push_back({extra.substr(0, colon), extra.substr(colon + 2)});
  }
  if (script_.pieces.size() == 1 && script_.then == Scripted::Then::complete) {
    (void)co_await exchange.respond(script_.status, headers, script_.pieces[0]);
    co_return;
  }
  if (!exchange.begin(script_.status, headers)) co_return;
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const std::string& piece : script_.pieces) {
    bytes += piece;
    ends.push_back(bytes.size());
  }
  Batches batches;
  batches.bytes = bytes;
  batches.ends = ends;
  batches.count = ends.size();
  batches.step = 1;
  batches.delay = script_.delay;
  const bool alive = co_await write(exchange, batches);
  if (!alive || script_.then == Scripted::Then::cut) co_return exchange.abort();
  if (script_.then == Scripted::Then::stall) co_return co_await stall(exchange);
  (void)co_await exchange.end();
}

void Provider::State::keep(const net::RequestHead& head, std::string_view body) {
  last.body = body;
  last.headers.clear();
  for (const net::Header& header : head.headers) {
    last.headers += fmt::format("{}: {}\n", header.name, header.value);
  }
}

net::Task<void> Provider::State::complete(net::ServerExchange& exchange, Shape shape,
                                          Purpose purpose) {
  const auto body = co_await exchange.read_body(kBodyBytesMax);
  if (!body) co_return;
  Counts& counts = speaker.counts();
  const std::uint64_t turn = ++counts.completions;
  if (shape == Shape::anthropic && purpose == Purpose::answer) ++counts.messages;
  if (options.keep_last_request) keep(exchange.request(), *body);
  Refusal refusal;
  if (shape == Shape::anthropic && exchange.request().header("anthropic-version").empty()) {
    refusal.message = "anthropic-version: header is required";
    co_return co_await refuse(exchange, shape, refusal);
  }
  if (const auto parsed = ask.parse(shape, *body, purpose); !parsed) {
    const Fault fault = parsed.error();
    refusal.message = fault.what;
    refusal.path = fault.path;
    refusal.code = fault.code;
    co_return co_await refuse(exchange, shape, refusal);
  }
  if (ask.stream) ++counts.streams;
  if (script) {
    Scripted copy = *script;
    co_return co_await answer_scripted(exchange, std::move(copy));
  }
  auto plan = speaker.plan(ask, exchange.request());
  if (!plan) {
    const std::string problem = plan.error().detail;
    refusal.message = problem;
    co_return co_await refuse(exchange, shape, refusal);
  }
  co_await perform(exchange, *std::move(plan), turn);
}

net::Task<void> Provider::State::control(net::ServerExchange& exchange) {
  std::string body;
  if (exchange.request().path == "/sim/counts") {
    const Counts& counts = speaker.counts();
    body = codec::write_json({{"completions", counts.completions},
                              {"messages", counts.messages},
                              {"streams", counts.streams},
                              {"tool_calls", counts.tool_calls},
                              {"leaked", counts.leaked},
                              {"unsafe", counts.unsafe},
                              {"refused", counts.refused},
                              {"claimed", counts.claimed},
                              {"client_gone", counts.client_gone}});
    (void)co_await exchange.respond(200, kJson, body);
    co_return;
  }
  if (exchange.request().method == "POST") {
    const auto wanted = co_await exchange.read_body(kBodyBytesMax);
    if (!wanted) co_return;
    auto next = parse_behaviour(*wanted, speaker.behaviour());
    if (!next) {
      body = codec::write_json({{"error", {{"message", next.error().detail}}}});
      (void)co_await exchange.respond(400, kJson, body);
      co_return;
    }
    speaker.set_behaviour(*std::move(next));
  }
  body = write_behaviour(speaker.behaviour());
  (void)co_await exchange.respond(200, kJson, body);
}

Provider::Provider(std::unique_ptr<State> state) : state_(std::move(state)) {}
Provider::~Provider() = default;

Result<std::unique_ptr<Provider>> Provider::start(net::Loop& loop, Options options) {
  auto provider = std::make_unique<Provider>(std::make_unique<State>(loop, std::move(options)));
  State& of = *provider->state_;
  CORDON_TRY(of.server, net::Server::listen(loop, *provider, of.options.server));
  return provider;
}

std::uint16_t Provider::port() const noexcept {
  return state_->server->port();
}
const Behaviour& Provider::behaviour() const noexcept {
  return state_->speaker.behaviour();
}
void Provider::set_behaviour(const Behaviour& behaviour) {
  state_->speaker.set_behaviour(behaviour);
}
void Provider::set_script(std::optional<Scripted> script) {
  state_->script = std::move(script);
}
Counts Provider::counts() const noexcept {
  Counts counts = state_->speaker.counts();
  counts.connections = state_->server->counts().accepted;
  return counts;
}
const LastRequest& Provider::last_request() const noexcept {
  return state_->last;
}

net::Task<void> Provider::stop(std::chrono::milliseconds grace) {
  state_->scope.stop();
  co_await state_->server->stop(grace);
  co_await state_->scope.join();
}

net::Task<void> Provider::handle(net::ServerExchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const Shape shape = shape_of(head);
  const auto asked = std::find_if(kAsked.begin(), kAsked.end(),
                                  [&](const Asked& one) { return one.path == head.path; });
  if (asked != kAsked.end() && head.method == "POST") {
    co_return co_await state_->complete(exchange, asked->shape, asked->purpose);
  }
  if (head.path == "/v1/models" && head.method == "GET") {
    const std::string body = list_models(shape, state_->options.models);
    (void)co_await exchange.respond(200, kJson, body);
    co_return;
  }
  if (head.path == "/sim/scenario" || head.path == "/sim/counts") {
    co_return co_await state_->control(exchange);
  }
  Refusal refusal;
  refusal.status = asked != kAsked.end() || head.path == "/v1/models" ? 405 : 404;
  refusal.message = refusal.status == 405 ? "Not with this method." : "There is nothing here.";
  co_await state_->refuse(exchange, shape, refusal);
}

}  // namespace cordon::sim

#include "tests/integration/gateway_harness.h"

#include "base/hex.h"
#include "codec/json_index.h"
#include "codec/sse.h"
#include "crypto/sha256.h"
#include "policy/rulepack.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>

namespace cordon::tests {
namespace {

constexpr std::chrono::seconds kPatience{10};

constexpr std::string_view kTestPack = R"(rulepack: test-pack
version: 1.0.0
rules:
  - id: t.card
    class: data_leakage
    data_kind: payment_card
    on: [request, response, reasoning, tool_arguments]
    match: {pattern: '\b\d(?:[ -]?\d){12,18}\b', validate: luhn}
    state: live
    action: redact
    emergency: block
    rationale: A payment card number.
    tests: {match: ['card 4111 1111 1111 1111'], pass: ['order 4111 1111 1111 1112']}
  - id: t.secret
    class: data_leakage
    on: [request, response, reasoning, tool_arguments]
    match: {pattern: 'SECRET-\d{6}'}
    state: live
    action: block
    rationale: A secret.
    tests: {match: ['SECRET-000000'], pass: ['SECRET-']}
  - id: t.warn
    class: unsafe_output
    on: [request, response]
    match: {pattern: 'WARN-\d{3}'}
    state: live
    action: warn
    emergency: warn
    rationale: Something to note.
    tests: {match: ['WARN-000'], pass: ['WARN-']}
  - id: t.shadow
    class: unsafe_output
    on: [request, response]
    match: {pattern: 'SHADOW-\d{3}'}
    state: shadow
    action: block
    rationale: Something that is tried out.
    tests: {match: ['SHADOW-000'], pass: ['SHADOW-']}
  - id: t.inject
    class: prompt_injection_bypass
    on: [request]
    match: {pattern: 'INJECT-\d{3}'}
    state: live
    action: warn
    emergency: block
    rationale: Words that would have the model do something else.
    tests: {match: ['INJECT-000'], pass: ['INJECT-']}
)";

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().detail;
    std::abort();
  }
  return *std::move(result);
}

net::Task<void> finish(std::function<net::Task<void>()> start, std::promise<void>& done) {
  co_await start();
  done.set_value();
}

}  // namespace

LoopThread::LoopThread() : loop_(clock_), scope_(loop_), thread_([this] { loop_.run(); }) {}

LoopThread::~LoopThread() {
  stop();
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void LoopThread::call(const std::function<void()>& fn) {
  std::promise<void> done;
  loop_.post([&] {
    fn();
    done.set_value();
  });
  ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
}

void LoopThread::run(const std::function<net::Task<void>()>& start) {
  std::promise<void> done;
  loop_.post([&] { net::spawn(scope_, finish(start, done)); });
  ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
}

GatewayHarness::GatewayHarness(HarnessOptions options) {
  open_journal();
  open_providers(options);
  const auto pack = must(policy::Rulepack::parse(kTestPack, "test-pack.yaml"));
  const std::array packs{pack};
  auto engine = policy::Engine::compile(packs);
  if (!engine) {
    ADD_FAILURE() << engine.error().rule_id << ": " << engine.error().reason;
    std::abort();
  }
  engine_ = *engine;
  const std::vector<model::RulepackRef> refs{{"test-pack", pack->digest}};
  generation_.number = 1;
  generation_.limits = options.limits;
  for (const auto& [name, provider] : {std::pair{"sim", sim_.get()}, {"backup", backup_.get()}}) {
    model::Provider of;
    of.name = name;
    of.endpoint = {false, "127.0.0.1", provider->port(), "/v1"};
    of.timeouts = options.timeouts;
    generation_.providers.push_back(of);
  }
  for (const auto& [name, like] : {std::pair{"claude", 0U}, {"claude-backup", 1U}}) {
    model::Provider of = generation_.providers[like];
    of.name = name;
    of.dialect = model::Dialect::anthropic;
    generation_.providers.push_back(of);
  }
  const model::Target first{"sim", "sim-small"};
  const model::Target second{"backup", "sim-large"};
  const auto route = [&](std::string name, model::Mode mode, model::Durability durability) {
    generation_.routes.push_back({std::move(name), {first}, {}, refs, mode, durability});
  };
  route("support", model::Mode::standard, model::Durability::before_answer);
  route("plain", model::Mode::standard, model::Durability::before_answer);
  generation_.routes.back().rulepacks.clear();
  route("two", model::Mode::standard, model::Durability::before_answer);
  generation_.routes.back().targets.push_back(second);
  route("forward", model::Mode::standard, model::Durability::before_forward);
  route("deferred", model::Mode::standard, model::Durability::deferred);
  route("observed", model::Mode::observe, model::Durability::before_answer);
  route("strict", model::Mode::emergency, model::Durability::before_answer);
  route("diverted", model::Mode::standard, model::Durability::before_answer);
  generation_.routes.back().fallback = {second};
  generation_.routes.back().fallback_rulepacks.emplace();
  for (const char* name : {"claude", "claude-plain", "claude-two"}) {
    route(name, model::Mode::standard, model::Durability::before_answer);
    generation_.routes.back().targets = {{"claude", "sim-small"}};
  }
  generation_.routes.back().targets.push_back({"claude-backup", "sim-large"});
  generation_.routes[generation_.routes.size() - 2].rulepacks.clear();
  const auto key = [](std::string_view text) { return crypto::hex(crypto::sha256(text)); };
  generation_.tenants = {{"acme", {key("key-acme")}, {"*"}},
                         {"narrow", {key("key-narrow")}, {"plain"}}};
  open_gateway();
  if (options.adopt) (void)change([](model::Generation&) {});
}

GatewayHarness::~GatewayHarness() {
  disk_.open_gate();
  const std::chrono::milliseconds grace{100};
  gateway_thread_.run([&] { return gateway_->stop(grace); });
  sim_thread_.run([&] { return sim_->stop(grace); });
  sim_thread_.run([&] { return backup_->stop(grace); });
  gateway_thread_.stop();
  sim_thread_.stop();
  (void)journal_->close();  // its thread reports to the gateway until then
  gateway_.reset();
  sim_.reset();
  backup_.reset();
  journal_.reset();
  std::filesystem::remove_all(dir_);
}

void GatewayHarness::open_journal() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cordon-gateway-XXXXXX").string();
  dir_ = mkdtemp(pattern.data());
  journal::Options options;
  options.dir = dir_;
  options.segment_bytes = 1 << 20;
  options.lazy_window = std::chrono::microseconds(1000);
  journal_ = must(journal::Journal::open(options, disk_, random_));
  journal_->on_durable([this](std::uint64_t durable) {
    if (gateway_) gateway_->note_durable(durable);
  });
}

void GatewayHarness::open_providers(const HarnessOptions& options) {
  sim::Options of;
  of.behaviour = options.behaviour;
  of.keep_last_request = true;
  sim_thread_.call([&] { sim_ = must(sim::Provider::start(sim_thread_.loop(), of)); });
  of.seed = 2;
  sim_thread_.call([&] { backup_ = must(sim::Provider::start(sim_thread_.loop(), of)); });
}

void GatewayHarness::open_gateway() {
  gateway::Options options;
  options.node = "test-node";
  options.boot = "00000000-0000-7000-8000-000000000000";
  options.commitment_key.fill(std::byte{7});
  const auto metrics = std::make_shared<gateway::Metrics>(1);
  gateway_thread_.call([&] {
    gateway_ =
        must(gateway::Gateway::open(gateway_thread_.loop(), options, clock_, *journal_, metrics));
  });
}

std::shared_ptr<const gateway::Live> GatewayHarness::live_of(model::Generation generation) {
  auto live = std::make_shared<gateway::Live>();
  for (const model::Route& route : generation.routes) {
    if (!route.rulepacks.empty()) live->engines[route.name] = engine_;
  }
  live->access["sim"].key = "provider-key";
  live->access["backup"].key = "backup-key";
  live->access["claude"].key = "claude-key";
  live->effective =
      std::make_shared<const containment::Effective>(containment::seal(std::move(generation)));
  gateway::share_health(*live, live_.get());
  live->quotas = gateway::quotas_of(
      live->effective->generation(), live_ ? &live_->quotas : nullptr,
      [this] { return used_before_; }, clock_.mono());
  const auto checked = gateway::check(*live);
  EXPECT_TRUE(checked) << checked.error().detail;
  live_ = live;
  return live;
}

containment::Sweep GatewayHarness::change(const std::function<void(model::Generation&)>& change) {
  change(generation_);
  auto done = std::make_shared<std::promise<containment::Sweep>>();
  auto swept = done->get_future();
  gateway_->adopt(live_of(generation_),
                  [done](const containment::Sweep& sweep) { done->set_value(sweep); });
  ++generation_.number;
  if (swept.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "a sweep did not end";
    return {};
  }
  return swept.get();
}

containment::Sweep GatewayHarness::kill(std::string_view scope) {
  const model::Scope of = must(model::Scope::parse(scope));
  return change([&](model::Generation& next) {
    next.measures.push_back({"sw-1", model::Measure::kill_switch, of, model::Mode::standard});
  });
}

containment::Sweep GatewayHarness::release() {
  return change([](model::Generation& next) { next.measures.clear(); });
}

void GatewayHarness::fail_journal() {
  gateway_->note_journal_failed();
}

std::string GatewayHarness::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port(), path);
}

net::Response GatewayHarness::chat(std::string_view body, Headers headers) {
  return post("/v1/chat/completions", body, std::move(headers));
}

net::Response GatewayHarness::messages(std::string_view body, Headers headers) {
  headers.emplace_back("anthropic-version", "2023-06-01");
  return post("/v1/messages", body, std::move(headers));
}

net::Response GatewayHarness::post(std::string_view path, std::string_view body, Headers headers) {
  net::Request request;
  request.method = "POST";
  request.url = url(path);
  request.body = body;
  request.headers = std::move(headers);
  const auto has = [&](std::string_view name) {
    return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
      return net::equal_ignoring_case(header.first, name);
    });
  };
  if (!has("content-type")) request.headers.emplace_back("content-type", "application/json");
  if (!has("authorization") && !has("x-api-key") && !has("api-key")) {
    request.headers.emplace_back("authorization", "Bearer key-acme");
  }
  return must(net::fetch(request));
}

net::Response GatewayHarness::get(std::string_view path, Headers headers) {
  net::Request request;
  request.url = url(path);
  request.headers = std::move(headers);
  return must(net::fetch(request));
}

std::string GatewayHarness::body(std::string_view route, std::string_view text,
                                 std::string_view more) {
  std::string content;
  codec::append_json_string(content, text);
  return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":{}}}]{}}})", route,
                     content, more);
}

void GatewayHarness::script(std::optional<sim::Scripted> scripted) {
  sim_thread_.call([&] { sim_->set_script(std::move(scripted)); });
}
void GatewayHarness::script_backup(std::optional<sim::Scripted> scripted) {
  sim_thread_.call([&] { backup_->set_script(std::move(scripted)); });
}
void GatewayHarness::behave(const sim::Behaviour& behaviour) {
  sim_thread_.call([&] { sim_->set_behaviour(behaviour); });
}
void GatewayHarness::behave_backup(const sim::Behaviour& behaviour) {
  sim_thread_.call([&] { backup_->set_behaviour(behaviour); });
}
sim::Counts GatewayHarness::provider_counts() {
  sim::Counts counts;
  sim_thread_.call([&] { counts = sim_->counts(); });
  return counts;
}
sim::Counts GatewayHarness::backup_counts() {
  sim::Counts counts;
  sim_thread_.call([&] { counts = backup_->counts(); });
  return counts;
}
sim::LastRequest GatewayHarness::last_request() {
  sim::LastRequest last;
  sim_thread_.call([&] { last = sim_->last_request(); });
  return last;
}
std::size_t GatewayHarness::running() {
  std::size_t count = 0;
  gateway_thread_.call([&] { count = gateway_->running(); });
  return count;
}

std::string GatewayHarness::metric(std::string_view sample) {
  const std::string text = get("/metrics").body;
  const std::string line = "\n" + std::string(sample) + " ";
  const std::size_t at = text.find(line);
  if (at == text.npos) return {};
  const std::size_t begin = at + line.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::vector<std::string> GatewayHarness::entries(model::EntryKind kind) {
  std::vector<std::string> found;
  auto reader = journal_->reader(0);
  while (true) {
    const auto next = reader.next();
    if (!next || !*next) return found;
    const auto of = model::peek_kind((*next)->bytes);
    EXPECT_TRUE(of) << (*next)->bytes;
    if (of && *of == kind) found.emplace_back((*next)->bytes);
  }
}

std::string GatewayHarness::journal_bytes() {
  std::string all;
  for (const auto& file : std::filesystem::directory_iterator(dir_)) {
    std::ifstream in(file.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

std::vector<model::DecisionRecord> GatewayHarness::decisions() {
  std::vector<model::DecisionRecord> records;
  model::ExchangeReader reader;
  for (const std::string& bytes : entries(model::EntryKind::decision)) {
    records.push_back(must(reader.decision(bytes)).record);
  }
  return records;
}

std::vector<model::EndRecord> GatewayHarness::ends(std::size_t count) {
  std::vector<model::EndRecord> records;
  model::ExchangeReader reader;
  for (int i = 0; i < 1000; ++i) {
    records.clear();
    for (const std::string& bytes : entries(model::EntryKind::response_end)) {
      records.push_back(must(reader.response_end(bytes)).record);
    }
    if (records.size() >= count) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(records.size(), count);
  records.resize(count);
  return records;
}

RawClient::RawClient(std::uint16_t port, int receive_bytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_bytes > 0) {
    EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawClient::send_post(std::string_view path, std::string_view body) {
  send(
      fmt::format("POST {} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
                  "Authorization: Bearer key-acme\r\nanthropic-version: 2023-06-01\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  path, body.size(), body));
}

void RawClient::send_chat(std::string_view body) {
  send_post("/v1/chat/completions", body);
}

bool RawClient::read_some() {
  pollfd wait{fd_, POLLIN, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
  if (poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return false;
  char buffer[16384];
  const auto got = recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) {
    close();
    return false;
  }
  seen_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

const std::string& RawClient::read_until(std::string_view text, std::size_t times) {
  while (count_of(seen_, text) < times && fd_ >= 0 && read_some()) {
  }
  return seen_;
}

bool RawClient::read_to_end() {
  while (fd_ >= 0 && read_some()) {
  }
  return fd_ < 0;
}

}  // namespace cordon::tests

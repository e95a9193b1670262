#include "cli/internal/demo_traffic.h"

#include "codec/json.h"
#include "codec/sse.h"

#include <fmt/format.h>

#include <array>
#include <optional>

namespace cordon::cli::internal {
namespace {

using codec::Json;

constexpr std::size_t kAnswerBytesMax = std::size_t{8} << 20U;
constexpr std::size_t kBeginningBytes = 16;
constexpr std::uint64_t kPauseMsMin = 30;
constexpr std::uint64_t kPauseMsSpread = 120;
/// A client that streams holds its connection for a second; one that does not asks less often.
constexpr std::uint64_t kPlainPauseMs = 300;
/// What a client adds before it tries again where nobody answered.
constexpr std::uint64_t kDownPauseMs = 300;

constexpr std::array<std::string_view, 6> kQuestions = {
    "Where is my parcel?",           "How do I change my delivery address?",
    "What does the warranty cover?", "Can I return this in the sale?",
    "Why was I charged twice?",      "Which size should I order?"};

net::UpstreamOptions options_for(std::uint16_t port) {
  net::UpstreamOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.connect_timeout = std::chrono::seconds(2);
  options.first_byte_timeout = std::chrono::seconds(10);
  options.read_timeout = std::chrono::seconds(10);
  return options;
}

std::string text_at(const Json& value, std::string_view pointer) {
  const Json::json_pointer path{std::string(pointer)};
  if (!value.contains(path) || !value.at(path).is_string()) return {};
  return value.at(path).get<std::string>();
}

/// What an error document's code says about the end of its exchange.
Ending ending_of(std::string_view code, Ending if_switched) {
  if (code == "content_filter") return Ending::filtered;
  if (code == "switched_off" || code == "locked_down") return if_switched;
  if (code == "not_ready") return Ending::down;
  return Ending::failed;
}

/// What has arrived of one stream.
struct Stream {
  std::string text;
  std::string finish;
  bool done = false;
  std::string error;
};

void take_event(std::string_view data, Stream& stream) {
  if (data == "[DONE]") {
    stream.done = true;
    return;
  }
  const auto event = codec::parse_json(data);
  if (!event) {
    stream.error = "unreadable";
    return;
  }
  if (event->contains("error")) stream.error = text_at(*event, "/error/code");
  stream.text += text_at(*event, "/choices/0/delta/content");
  if (std::string reason = text_at(*event, "/choices/0/finish_reason"); !reason.empty()) {
    stream.finish = std::move(reason);
  }
}

Ending ending_of(const Stream& stream, bool whole_body) {
  if (!stream.error.empty()) return ending_of(stream.error, Ending::killed);
  if (stream.done && whole_body) {
    return stream.finish == "content_filter" ? Ending::filtered : Ending::complete;
  }
  return whole_body ? Ending::failed : Ending::down;
}

}  // namespace

std::string_view to_string(Ending ending) noexcept {
  constexpr std::string_view kWords[] = {"running", "complete", "filtered", "killed",
                                         "refused", "down",     "failed"};
  return kWords[static_cast<std::size_t>(ending)];
}

LeakFinder::LeakFinder(std::vector<std::string> texts) : texts_(std::move(texts)) {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::string_view text = texts_[i];
    if (text.size() >= kBeginningBytes) by_beginning_.emplace(text.substr(0, kBeginningBytes), i);
  }
}

bool LeakFinder::holds_any(std::string_view answer) const {
  for (std::size_t at = 0; at + kBeginningBytes <= answer.size(); ++at) {
    const auto [first, last] = by_beginning_.equal_range(answer.substr(at, kBeginningBytes));
    for (auto found = first; found != last; ++found) {
      if (answer.substr(at).starts_with(texts_[found->second])) return true;
    }
  }
  return false;
}

Traffic::Traffic(net::Scope& scope, std::uint16_t gateway_port, LeakFinder leaks,
                 std::uint64_t seed)
    : scope_(scope),
      gateway_(scope.loop(), options_for(gateway_port)),
      leaks_(std::move(leaks)),
      seeds_(seed) {}

void Traffic::start(const Crowd& crowd) {
  for (std::size_t i = 0; i < crowd.streaming + crowd.plain; ++i) {
    Client client{crowd.route, crowd.key, i < crowd.streaming, seeds_.next()};
    ++clients_;
    net::spawn(scope_, run(std::move(client)));
  }
}

void Traffic::attack(std::string_view route, std::vector<std::string> texts) {
  attacked_ = route;
  attacks_ = std::move(texts);
}

net::Task<void> Traffic::run(Client client) {
  SeededRandom random(client.seed);
  Ending last = Ending::complete;
  while (!stopping_) {
    const std::uint64_t pause = kPauseMsMin + random.below(kPauseMsSpread) +
                                (client.streamed ? 0 : kPlainPauseMs) +
                                (last == Ending::down ? kDownPauseMs : 0);
    const Status slept = co_await net::sleep(scope_, std::chrono::milliseconds(pause));
    if (!slept || stopping_) break;
    std::string question(kQuestions[random.below(kQuestions.size())]);
    if (!attacks_.empty() && client.route == attacked_ && random.below(2) == 0) {
      question = attacks_[random.below(attacks_.size())];
    }
    Sent& record = sent_.emplace_back();
    record.route = client.route;
    record.streamed = client.streamed;
    record.begun = scope_.loop().clock().mono();
    co_await exchange(client, std::move(question), record);
    last = record.ending;
  }
  --clients_;
}

net::Task<void> Traffic::exchange(const Client& client, std::string question, Sent& record) {
  const std::string body = codec::write_json(
      {{"model", client.route},
       {"stream", client.streamed},
       {"messages", Json::array({{{"role", "user"}, {"content", std::move(question)}}})}});
  const std::string authorization = "Bearer " + client.key;
  const std::array<net::Header, 2> headers = {
      {{"content-type", "application/json"}, {"authorization", authorization}}};
  net::Outgoing request("POST", "/v1/chat/completions");
  request.headers = headers;
  request.body = body;
  auto answer = co_await gateway_.send(request);
  if (!answer) {
    record.ending = Ending::down;
    record.last_byte = scope_.loop().clock().mono();
    co_return;
  }
  record.status = answer->response().status;
  record.served_by = std::string(answer->response().header("x-cordon-served-by"));
  if (client.streamed && record.status == 200) {
    co_await read_stream(*answer, record);
  } else {
    co_await read_whole(*answer, record);
  }
}

net::Task<void> Traffic::read_stream(net::ClientExchange& answer, Sent& record) {
  codec::SseFramer framer;
  Stream stream;
  bool whole_body = false;
  while (true) {
    const auto piece = co_await answer.read_some();
    if (!piece) break;
    if (!*piece) {
      whole_body = true;
      break;
    }
    record.last_byte = scope_.loop().clock().mono();
    framer.feed(**piece);
    while (true) {
      const auto event = framer.next();
      if (!event) stream.error = "unreadable";
      if (!event || !*event) break;
      if ((*event)->has_data) take_event((*event)->data, stream);
    }
    if (stream.error == "unreadable") break;
  }
  record.ending = ending_of(stream, whole_body);
  record.code = stream.error;
  record.leaked = leaks_.holds_any(stream.text);
}

net::Task<void> Traffic::read_whole(net::ClientExchange& answer, Sent& record) {
  const auto body = co_await answer.read_all(kAnswerBytesMax);
  record.last_byte = scope_.loop().clock().mono();
  if (!body) {
    record.ending = Ending::down;
    co_return;
  }
  const auto json = codec::parse_json(*body);
  if (!json) {
    record.ending = Ending::failed;
    co_return;
  }
  if (json->contains("error")) {
    record.code = text_at(*json, "/error/code");
    record.ending = ending_of(record.code, Ending::refused);
    co_return;
  }
  const std::string reason = text_at(*json, "/choices/0/finish_reason");
  record.ending = reason == "content_filter" ? Ending::filtered : Ending::complete;
  record.leaked = leaks_.holds_any(text_at(*json, "/choices/0/message/content"));
}

}  // namespace cordon::cli::internal

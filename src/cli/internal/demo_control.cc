#include "cli/internal/demo_control.h"

#include "cli/internal/session.h"

#include <array>

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20U;

net::UpstreamOptions options_for(std::uint16_t port) {
  net::UpstreamOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.connect_timeout = std::chrono::seconds(2);
  options.first_byte_timeout = std::chrono::seconds(15);
  options.read_timeout = std::chrono::seconds(15);
  return options;
}

Answer<codec::Json> parsed(Answer<std::string> text) {
  if (!text) return tl::make_unexpected(std::move(text).error());
  CORDON_TRY(codec::Json json, codec::parse_json(*text, {kAnswerBytesMax, 64}));
  return json;
}

}  // namespace

DemoControl::DemoControl(net::Loop& loop, std::uint16_t port)
    : port_(port), upstream_(loop, options_for(port)) {}

net::Task<Answer<std::string>> DemoControl::text(std::string method, std::string target,
                                                 std::string token, std::string body) {
  const std::string authorization = "Bearer " + token;
  const std::array<net::Header, 2> headers = {
      {{"content-type", "application/json"}, {"authorization", authorization}}};
  net::Outgoing request(method, target);
  request.headers = std::span<const net::Header>(headers.data(), token.empty() ? 1 : 2);
  request.body = body;
  auto exchange = co_await upstream_.send(request);
  if (!exchange) co_return tl::make_unexpected(Failure(exchange.error()));
  const int status = exchange->response().status;
  auto answer = co_await exchange->read_all(kAnswerBytesMax);
  if (!answer) co_return tl::make_unexpected(Failure(answer.error()));
  if (status < 200 || status > 299) co_return tl::make_unexpected(refusal(status, *answer));
  co_return *std::move(answer);
}

net::Task<Answer<codec::Json>> DemoControl::get(std::string token, std::string target) {
  std::string method = "GET";
  std::string none;
  auto answer =
      co_await text(std::move(method), std::move(target), std::move(token), std::move(none));
  co_return parsed(std::move(answer));
}

net::Task<Answer<codec::Json>> DemoControl::post(std::string token, std::string target,
                                                 codec::Json body) {
  std::string method = "POST";
  std::string bytes = codec::write_json(body);
  auto answer =
      co_await text(std::move(method), std::move(target), std::move(token), std::move(bytes));
  co_return parsed(std::move(answer));
}

}  // namespace cordon::cli::internal

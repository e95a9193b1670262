#include "api/server.h"

#include "api/control_plane.h"

#include <fmt/format.h>

#include <array>

namespace cordon::api {
namespace {

using containment::TokenFault;

struct Problem {
  int status;
  std::string_view code;
  std::string detail;
};

std::string problem_json(const Problem& problem) {
  return codec::write_json({{"type", "about:blank"},
                            {"title", net::reason_phrase(problem.status)},
                            {"status", problem.status},
                            {"code", problem.code},
                            {"detail", problem.detail}});
}

net::Task<void> refuse(net::ServerExchange& exchange, Problem problem) {
  const std::string body = problem_json(problem);
  // RFC 6750: a caller without a good token is told which scheme to use.
  const std::array<net::Header, 2> headers = {{{"content-type", "application/problem+json"},
                                               {"www-authenticate", "Bearer realm=\"cordon\""}}};
  const std::size_t count = problem.status == 401 ? 2 : 1;
  const std::span<const net::Header> sent(headers.data(), count);
  (void)co_await exchange.respond(problem.status, sent, body);
}

Problem problem_of(const Error& error) {
  return {http_status(error.code), to_string(error.code), error.detail};
}

Problem problem_of(const containment::TokenRefusal& refusal) {
  const bool forbidden = refusal.fault == TokenFault::lacks_role;
  return {forbidden ? 403 : 401, forbidden ? "forbidden" : "unauthenticated", refusal.detail};
}

std::string_view bearer(const net::RequestHead& head) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view value = head.header("authorization");
  return value.starts_with(kScheme) ? value.substr(kScheme.size()) : std::string_view();
}

bool is_json(std::string_view content_type) {
  return content_type.substr(0, content_type.find(';')) == "application/json";
}

/// An absent body is an empty object, so that an act without arguments needs none.
Result<codec::Json> parse_body(std::string_view content_type, std::string_view body) {
  if (body.empty()) return codec::Json::object();
  if (!is_json(content_type)) {
    return fail(Errc::invalid, "the body must be sent as Content-Type: application/json");
  }
  CORDON_TRY(codec::Json value, codec::parse_json(body));
  if (!value.is_object()) return fail(Errc::invalid, "the body must be a JSON object");
  return value;
}

}  // namespace

net::Task<void> Server::handle(net::ServerExchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const Found found = find_route(head.method, head.path);
  if (found.route == nullptr) {
    Problem missing{404, "not_found", "no such path; GET /api/v1/openapi.json lists them all"};
    if (found.path_known) {
      missing = {405, "invalid", fmt::format("{} is not offered on this path", head.method)};
    }
    co_await refuse(exchange, std::move(missing));
    co_return;
  }

  Call call;
  if (found.route->needs) {
    auto caller = control_.authorise(bearer(head), *found.route->needs);
    if (!caller) {
      Problem refused = problem_of(caller.error());
      co_await refuse(exchange, std::move(refused));
      co_return;
    }
    call.caller = *std::move(caller);
  }
  auto query = parse_query(head.query);
  if (!query) {
    Problem refused = problem_of(query.error());
    co_await refuse(exchange, std::move(refused));
    co_return;
  }
  call.query = *std::move(query);
  call.id = found.id;
  co_await answer(exchange, *found.route, std::move(call));
}

// A command that was refused leaves one entry, whoever refused it. A call that failed for lack of
// the journal is no refusal, and could not be written down.
net::Task<void> Server::note_refused(const Route& route, const Call& call, Error error) {
  const bool refused = error.code != Errc::unavailable && error.code != Errc::corrupt;
  if (!refused || route.method != "POST" || !route.needs) co_return;
  std::string command = fmt::format("{} {}", route.method, route.pattern);
  model::Actor actor = call.caller.actor();
  co_await control_.note_refused(std::move(command), std::move(actor), std::move(error));
}

net::Task<void> Server::answer(net::ServerExchange& exchange, const Route& route, Call call) {
  const auto body = co_await exchange.read_body(route.body_bytes_max);
  if (!body) co_return;  // net has answered
  auto value = parse_body(exchange.request().header("content-type"), *body);
  if (!value) {
    co_await note_refused(route, call, value.error());
    Problem refused = problem_of(value.error());
    co_await refuse(exchange, std::move(refused));
    co_return;
  }
  call.body = *std::move(value);

  const auto reply = co_await route.handle(control_, call);
  if (!reply) {
    co_await note_refused(route, call, reply.error());
    Problem refused = problem_of(reply.error());
    co_await refuse(exchange, std::move(refused));
    co_return;
  }
  const std::string text = reply->text ? *reply->text : codec::write_json(reply->json);
  const std::array<net::Header, 3> headers = {
      {{"content-type", reply->text ? "text/plain; charset=utf-8" : "application/json"},
       {"cache-control", "no-store"},
       {"x-content-type-options", "nosniff"}}};
  const std::span<const net::Header> sent(headers);
  (void)co_await exchange.respond(reply->status, sent, text);
}

}  // namespace cordon::api

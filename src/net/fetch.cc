#include "net/fetch.h"

#include "net/client.h"

#include <charconv>

namespace cordon::net {
namespace {

Task<Result<Response>> fetch_on(Loop& loop, const Request& request, const Url& url,
                                std::shared_ptr<const Tls> tls) {
  UpstreamOptions options;
  options.host = url.host;
  options.port = url.port;
  options.tls = std::move(tls);
  options.connect_timeout = request.timeout;
  options.write_timeout = request.timeout;
  options.first_byte_timeout = request.timeout;
  options.read_timeout = request.timeout;
  Upstream upstream(loop, std::move(options));
  Headers headers;
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  Outgoing outgoing(request.method, url.target);
  outgoing.headers = headers;
  outgoing.body = request.body;
  CORDON_CO_TRY(auto exchange, co_await upstream.send(outgoing));
  Response response;
  response.status = exchange.response().status;
  for (const Header& header : exchange.response().headers) {
    response.headers.emplace_back(header.name, header.value);
  }
  CORDON_CO_TRY(response.body, co_await exchange.read_all(request.body_bytes_max));
  co_return response;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("https://")) {
    url.tls = true;
    url.port = 443;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return fail(Errc::invalid, "a URL must begin with http:// or https://");
  }
  const std::size_t slash = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    if (text[slash] != '/') return fail(Errc::invalid, "a URL needs a path before its query");
    url.target = text.substr(slash, text.find('#') - slash);
  }
  if (authority.find('@') != std::string_view::npos) {
    return fail(Errc::invalid, "a URL must not hold user information");
  }
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return fail(Errc::invalid, "a URL with half a bracket");
  const std::size_t colon = authority.find(':', bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, url.port);
    if (read.ec != std::errc() || read.ptr != end || url.port == 0) {
      return fail(Errc::invalid, "a URL with a port outside 1 to 65535");
    }
    authority = authority.substr(0, colon);
  }
  url.host = bracket > 0 ? authority.substr(1, bracket - 1) : authority;
  if (url.host.empty()) return fail(Errc::invalid, "a URL without a host");
  return url;
}

std::string_view Response::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

Result<Response> fetch(const Request& request) {
  CORDON_TRY(const Url url, parse_url(request.url));
  std::shared_ptr<const Tls> tls = request.tls;
  if (url.tls && tls == nullptr) {
    CORDON_TRY(tls, Tls::client(""));
  }
  if (!url.tls) tls = nullptr;
  const SystemClock clock;
  Loop loop(clock);
  return run_blocking(loop, fetch_on(loop, request, url, std::move(tls)));
}

}  // namespace cordon::net

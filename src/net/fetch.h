// One request, one answer, and the calling thread waits: for the command line and for tests.
#pragma once

#include "base/result.h"
#include "net/tls.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::net {

/// A URL in parts: scheme http or https, no user information.
struct Url {
  bool tls = false;
  std::string host;  ///< IPv6 without brackets
  std::uint16_t port = 80;
  std::string target = "/";  ///< path and query
};
/// Refuses as `invalid` what is not such a URL.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

using OwnedHeaders = std::vector<std::pair<std::string, std::string>>;

/// A request that owns its parts.
struct Request {
  std::string method = "GET";
  std::string url;
  OwnedHeaders headers;
  std::string body;
  std::shared_ptr<const Tls> tls;             ///< for https; null: the system's store
  std::chrono::milliseconds timeout{30'000};  ///< connect, first byte, and between pieces, each
  std::size_t body_bytes_max = std::size_t{64} << 20;
};

/// An answer that owns its parts.
struct Response {
  int status = 0;
  OwnedHeaders headers;
  std::string body;
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;  ///< or ""
};

/// Makes a loop of its own and runs it here: never call it on a loop's thread. An answer of any
/// status is a Response; `unavailable` and `exhausted` as in Upstream and ClientExchange.
[[nodiscard]] Result<Response> fetch(const Request& request);

}  // namespace cordon::net

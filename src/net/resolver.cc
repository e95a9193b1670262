#include "net/internal/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>

namespace cordon::net::internal {

/// What a look-up found; made on its thread, read on the loop's.
struct Resolver::Found {
  Addresses addresses;
  std::string failure;
};

namespace {

bool read_numeric(const std::string& host, std::uint16_t port, Addresses& out) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.bytes);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.bytes);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof v6;
  } else {
    return false;
  }
  out.push_back(address);
  return true;
}

std::string look_up(const std::string& host, std::uint16_t port, std::size_t max, Addresses& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const std::string service = std::to_string(port);
  const int failed = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (failed != 0) return ::gai_strerror(failed);
  for (const addrinfo* at = list; at != nullptr && out.size() < max; at = at->ai_next) {
    Address address;
    address.size = at->ai_addrlen;
    std::memcpy(&address.bytes, at->ai_addr, at->ai_addrlen);
    out.push_back(address);
  }
  ::freeaddrinfo(list);
  return out.empty() ? "no address" : "";
}

}  // namespace

Resolver::Resolver(Loop& loop, std::string host, std::uint16_t port)
    : loop_(loop),
      host_(std::move(host)),
      port_(port),
      finished_(loop),
      self_(std::make_shared<Resolver*>(this)) {
  numeric_ = read_numeric(host_, port_, known_);
}

Resolver::~Resolver() {
  *self_ = nullptr;
}

Task<Result<Addresses>> Resolver::resolve(std::chrono::milliseconds timeout, Cancel* cancel) {
  if (numeric_ || loop_.now() < fresh_until_) co_return known_;
  if (!running_) start();
  const std::uint64_t awaited = lookups_;
  const Status done = co_await finished_.reach(awaited, timeout, cancel);
  if (!known_.empty()) co_return known_;
  if (!done) co_return fail(Errc::unavailable, "resolving " + host_ + ": " + done.error().detail);
  co_return fail(Errc::unavailable, "resolving " + host_ + ": " + failure_);
}

void Resolver::start() {
  running_ = true;
  ++lookups_;
  Loop& loop = loop_;
  const std::shared_ptr<Resolver*> self = self_;
  const std::string host = host_;
  const std::uint16_t port = port_;
  thread_ = std::jthread([&loop, self, host, port] {
    const auto found = std::make_shared<Found>();
    found->failure = look_up(host, port, kAddressesMax, found->addresses);
    loop.post([self, found] {
      if (*self != nullptr) (*self)->finish(*found);
    });
  });
}

void Resolver::finish(const Found& found) {
  running_ = false;
  failure_ = found.failure;
  if (!found.addresses.empty()) {
    known_ = found.addresses;
    fresh_until_ = loop_.now() + kKept;
  }
  finished_.raise(lookups_);
}

}  // namespace cordon::net::internal

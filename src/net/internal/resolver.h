// Names to addresses, without stopping the loop: one look-up at a time on a thread of its own.
#pragma once

#include "net/loop.h"
#include "net/watermark.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace cordon::net::internal {

/// An address as the kernel takes it.
struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};
using Addresses = std::vector<Address>;

/// Of one host and port. Loop thread only. Its destructor waits for a look-up in progress, which
/// the system's resolver bounds.
class Resolver {
 public:
  Resolver(Loop& loop, std::string host, std::uint16_t port);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// At least one address; a numeric host resolves at once, a name is kept for kKept. If a later
  /// look-up fails, the addresses known before are used. `unavailable` if there are none.
  [[nodiscard]] Task<Result<Addresses>> resolve(std::chrono::milliseconds timeout, Cancel* cancel);

 private:
  static constexpr std::chrono::seconds kKept{30};
  static constexpr std::size_t kAddressesMax = 16;
  struct Found;
  void start();
  void finish(const Found& found);

  Loop& loop_;
  std::string host_;
  std::uint16_t port_;
  Addresses known_;
  MonoTime fresh_until_{0};
  bool numeric_ = false;
  bool running_ = false;
  std::uint64_t lookups_ = 0;
  Watermark finished_;
  std::string failure_;
  std::shared_ptr<Resolver*> self_;  // emptied on destruction, for the look-up that comes late
  std::jthread thread_;
};

}  // namespace cordon::net::internal

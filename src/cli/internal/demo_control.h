// The control API from a task: the demo asks while its traffic runs on the same loop.
#pragma once

#include "cli/internal/command.h"
#include "codec/json.h"
#include "net/client.h"

#include <cstdint>
#include <memory>
#include <string>

namespace cordon::cli::internal {

/// A keep-alive connection pool to one control API. Loop thread only.
class DemoControl {
 public:
  DemoControl(net::Loop& loop, std::uint16_t port);
  /// The text of a 2xx answer; else why not, as Session's.
  [[nodiscard]] net::Task<Answer<std::string>> text(std::string method, std::string target,
                                                    std::string token, std::string body);
  [[nodiscard]] net::Task<Answer<codec::Json>> get(std::string token, std::string target);
  [[nodiscard]] net::Task<Answer<codec::Json>> post(std::string token, std::string target,
                                                    codec::Json body);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  std::uint16_t port_;
  net::Upstream upstream_;
};

}  // namespace cordon::cli::internal

// A number that may be unknown, and then says why. Never 0 and never green for want of data.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace cordon::detect {

/// Why a number cannot be told.
struct Unknown {
  std::string reason;
};

/// A T, or the reason why nobody knows it.
template <class T>
using Known = tl::expected<T, Unknown>;

[[nodiscard]] inline tl::unexpected<Unknown> unknown(std::string reason) {
  return tl::make_unexpected(Unknown{std::move(reason)});
}

}  // namespace cordon::detect

// Claims about our own code. Never about input: input is refused with an Error.
#pragma once

namespace cordon {

/// Prints the claim and where it stands, then aborts.
[[noreturn]] void assertion_failed(const char* claim, const char* file, int line) noexcept;

}  // namespace cordon

/// A bug if false: ends the process, in every build. For journal, evidence and incident.
#define CORDON_ASSERT(claim) \
  ((claim) ? static_cast<void>(0) : ::cordon::assertion_failed(#claim, __FILE__, __LINE__))

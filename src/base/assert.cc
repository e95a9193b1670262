#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace cordon {

void assertion_failed(const char* claim, const char* file, int line) noexcept {
  std::fprintf(stderr, "cordon: broken claim: %s (%s:%d)\n", claim, file, line);
  std::abort();
}

}  // namespace cordon

// Why somebody did something, as the record takes it.
#pragma once

#include "base/result.h"

#include <string_view>

namespace cordon::containment::internal {

/// Refuses as `invalid` a reason that is blank, longer than kReasonBytesMax or not UTF-8.
[[nodiscard]] Status check_reason(std::string_view reason);

}  // namespace cordon::containment::internal

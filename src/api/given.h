// What a second person's yes made happen, whatever it was about.
#pragma once

#include "api/config_source.h"
#include "api/control_parts.h"
#include "api/rulepack_order.h"

#include <variant>

namespace cordon::api {

/// As the order itself would have been answered.
using Given = std::variant<Contained, RulepackAnswer, Commanded, ReloadAnswer>;

}  // namespace cordon::api

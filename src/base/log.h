// The operator's log: one line an event on standard error, `time level event key=value ...`.
//
// Never pass prompt text, keys, headers or anything a caller sent unless it is a bounded name.
// Values are escaped, so one event is one line whatever they hold. Off the hot path.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace cordon::log {

/// One key and its value; anything fmt can print.
struct Field {
  std::string_view key;
  std::string value;
  template <class T>
  Field(std::string_view name, const T& of) : key(name), value(fmt::format("{}", of)) {}
};
using Fields = std::initializer_list<Field>;

void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

}  // namespace cordon::log

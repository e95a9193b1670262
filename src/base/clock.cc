#include "base/clock.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>

namespace cordon {
namespace {

using std::chrono::days;
using std::chrono::nanoseconds;
using std::chrono::sys_days;

std::int64_t read_clock(clockid_t id) noexcept {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Takes exactly `digits` decimal digits off the front of `text`.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

/// ".123" to nanoseconds; absent is 0.
bool take_fraction(std::string_view& text, std::int64_t& ns) {
  ns = 0;
  if (!take_char(text, '.')) return true;
  std::int64_t scale = 100'000'000;
  std::size_t taken = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (++taken > 9) return false;
    ns += (text.front() - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  return taken > 0;
}

bool take_zone(std::string_view& text, int& minutes_east) {
  minutes_east = 0;
  if (take_char(text, 'Z') || take_char(text, 'z')) return true;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
  const int sign = text.front() == '+' ? 1 : -1;
  text.remove_prefix(1);
  int hour = 0;
  int minute = 0;
  if (!take_number(text, 2, hour) || !take_char(text, ':') || !take_number(text, 2, minute) ||
      hour > 23 || minute > 59) {
    return false;
  }
  minutes_east = sign * (hour * 60 + minute);
  return true;
}

}  // namespace

WallTime SystemClock::wall() const noexcept {
  return WallTime(nanoseconds(read_clock(CLOCK_REALTIME)));
}

MonoTime SystemClock::mono() const noexcept {
  return MonoTime(read_clock(CLOCK_BOOTTIME));
}

std::string format_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<nanoseconds> of_day(time - day);
  std::string text = "0000-00-00T00:00:00.000000000Z";
  const auto put = [&text](std::size_t begin, std::size_t digits, std::int64_t value) {
    for (std::size_t i = begin + digits; i > begin; value /= 10) {
      text[--i] = static_cast<char>('0' + value % 10);
    }
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, of_day.hours().count());
  put(14, 2, of_day.minutes().count());
  put(17, 2, of_day.seconds().count());
  put(20, 9, of_day.subseconds().count());
  return text;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int zone = 0;
  std::int64_t ns = 0;
  const bool shaped = take_number(rest, 4, year) && take_char(rest, '-') &&
                      take_number(rest, 2, month) && take_char(rest, '-') &&
                      take_number(rest, 2, day) && (take_char(rest, 'T') || take_char(rest, 't')) &&
                      take_number(rest, 2, hour) && take_char(rest, ':') &&
                      take_number(rest, 2, minute) && take_char(rest, ':') &&
                      take_number(rest, 2, second) && take_fraction(rest, ns) &&
                      take_zone(rest, zone) && rest.empty();
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // A leap second is read as the last second before it: no clock of ours can name it.
  if (second == 60) second = 59;
  if (!shaped || !date.ok() || hour > 23 || minute > 59 || second > 59 || year < 1970 ||
      year > 2200) {
    return fail(Errc::invalid,
                fmt::format("not a time like 2026-01-05T10:12:03Z: '{}'", text.substr(0, 40)));
  }
  const std::int64_t seconds = std::int64_t{hour} * 3600 + (minute - zone) * 60 + second;
  return WallTime(sys_days(date)) + std::chrono::seconds(seconds) + nanoseconds(ns);
}

namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::int64_t kDurationMsMax = 3650LL * 86'400'000;

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& known : kUnits) {
    if (error == std::errc{} && unit == known.name && count >= 0 &&
        count <= kDurationMsMax / known.ms) {
      return std::chrono::milliseconds(count * known.ms);
    }
  }
  return fail(Errc::invalid, fmt::format("not a duration like 250ms, 2s, 15m, 1h or 7d: '{}'",
                                         text.substr(0, 40)));
}

std::string format_duration(std::chrono::milliseconds duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() % unit.ms == 0 && duration.count() != 0) {
      return fmt::format("{}{}", duration.count() / unit.ms, unit.name);
    }
  }
  return "0s";
}

}  // namespace cordon

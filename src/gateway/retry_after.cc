#include "gateway/internal/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace cordon::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecondsMax = 365LL * 24 * 3600;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Digits alone; more than fit are the most there is.
std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most) noexcept {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc::result_out_of_range) return most;
  return std::min(value, most);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// A date in its parts, as they are written.
struct Parts {
  std::string_view day;
  std::string_view month;
  std::string_view year;
  std::string_view time;  ///< hh:mm:ss
};

/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`.
std::optional<Parts> split(std::string_view text) noexcept {
  const std::size_t comma = text.find(',');
  if (comma == text.npos) {
    if (text.size() != 24 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' ||
        text[19] != ' ') {
      return std::nullopt;
    }
    return Parts{trimmed(text.substr(8, 2)), text.substr(4, 3), text.substr(20),
                 text.substr(11, 8)};
  }
  text = text.substr(comma + 1);
  if (!text.starts_with(' ') || !text.ends_with(" GMT")) return std::nullopt;
  text = text.substr(1, text.size() - 5);
  if (text.size() == 20 && text[2] == ' ' && text[6] == ' ' && text[11] == ' ') {
    return Parts{text.substr(0, 2), text.substr(3, 3), text.substr(7, 4), text.substr(12)};
  }
  if (text.size() == 18 && text[2] == '-' && text[6] == '-' && text[9] == ' ') {
    return Parts{text.substr(0, 2), text.substr(3, 3), text.substr(7, 2), text.substr(10)};
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> time_of_day(std::string_view text) noexcept {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hour = whole_number(text.substr(0, 2), 99);
  const auto minute = whole_number(text.substr(3, 2), 99);
  const auto second = whole_number(text.substr(6, 2), 99);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::seconds(*hour * 3600 + *minute * 60 + *second);
}

std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) noexcept {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), parts->month);
  const auto day = whole_number(parts->day, 99);
  auto year = whole_number(parts->year, 9999);
  const auto time = time_of_day(parts->time);
  if (month == kMonths.end() || !day || !year || !time) return std::nullopt;
  // Two digits are of this century: who asks to be left alone does not mean a past one.
  if (parts->year.size() == 2) *year += 2000;
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(*year)),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + *time;
}

}  // namespace

std::optional<milliseconds> parse_retry_after(std::string_view text, WallTime now) noexcept {
  text = trimmed(text);
  if (const auto seconds = whole_number(text, kSecondsMax)) return milliseconds(*seconds * 1000);
  const auto date = parse_date(text);
  if (!date) return std::nullopt;
  const auto today = std::chrono::floor<std::chrono::seconds>(now);
  const std::int64_t left = (*date - today).count();
  return milliseconds(std::clamp<std::int64_t>(left, 0, kSecondsMax) * 1000);
}

std::optional<milliseconds> wait_asked_by(const net::ResponseHead& head, WallTime now) noexcept {
  const auto exact = whole_number(trimmed(head.header("retry-after-ms")), kSecondsMax * 1000);
  if (exact) return milliseconds(*exact);
  return parse_retry_after(head.header("retry-after"), now);
}

}  // namespace cordon::gateway

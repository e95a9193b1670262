#include "policy/internal/needs.h"

#include "policy/internal/characters.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <bitset>

namespace cordon::policy {
namespace {

using Bytes = std::bitset<256>;

// Which kinds some part of a pattern is sure to hold, as bits by Need.
using Kinds = std::uint8_t;
constexpr Kinds kind(Need need) noexcept {
  return static_cast<Kinds>(1U << static_cast<unsigned>(need));
}
constexpr Kinds kAll = static_cast<Kinds>(kind(Need::digit) | kind(Need::beyond_ascii));

Kinds kinds_of(const Bytes& bytes) {
  if (bytes.none()) return 0;
  bool digits = true;
  bool beyond = true;
  for (std::size_t c = 0; c < bytes.size(); ++c) {
    if (!bytes.test(c)) continue;
    digits = digits && is_digit(static_cast<unsigned char>(c));
    beyond = beyond && c >= 0x80;
  }
  return static_cast<Kinds>((digits ? kind(Need::digit) : 0) |
                            (beyond ? kind(Need::beyond_ascii) : 0));
}

Bytes only(unsigned char c) {
  return Bytes().set(c);
}

Bytes all_within(unsigned char first, unsigned char last) {
  Bytes bytes;
  for (std::size_t c = first; c <= last; ++c) bytes.set(c);
  return bytes;
}

// What a word boundary parts from all others.
const Bytes kWordBytes =
    all_within('a', 'z') | all_within('A', 'Z') | all_within('0', '9') | only('_');

// Reads a pattern by descent: alternatives, sequences, repeats. Gives up at what it does not know.
class ShapeReader {
 public:
  explicit ShapeReader(std::string_view pattern) : pattern_(pattern) {}

  Shape read() {
    const Kinds kinds = alternatives(0);
    if (failed_ || at_ != pattern_.size()) return {};
    Shape shape;
    if ((kinds & kind(Need::digit)) != 0) shape.need = Need::digit;
    if ((kinds & kind(Need::beyond_ascii)) != 0) shape.need = Need::beyond_ascii;
    // Anything may follow a match that is shorter.
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if ((taken_ & 1U << place) == 0) continue;
      for (std::size_t later = place; later < places_.size(); ++later) places_[later].set();
    }
    shape.beginning = Beginning();
    const bool after_gap = boundary_first_ && !alternates_ && (places_[0] & ~kWordBytes).none();
    for (std::size_t c = 0; c < kWordBytes.size(); ++c) {
      if (after_gap && kWordBytes.test(c)) continue;
      shape.beginning.add_before(static_cast<unsigned char>(c));
    }
    for (std::size_t place = 0; place < places_.size(); ++place) {
      for (std::size_t c = 0; c < places_[place].size(); ++c) {
        if (places_[place].test(c)) put(shape.beginning, place, static_cast<unsigned char>(c));
      }
    }
    return shape;
  }

 private:
  static constexpr int kDepthMax = 32;
  static constexpr std::uint32_t kAtomsMax = 100'000;
  static constexpr std::uint32_t kRepeatsMax = Beginning::kBytes + 1;  // more reach no further

  struct Repeat {
    std::uint32_t min = 1;
    std::uint32_t max = 1;
  };

  [[nodiscard]] bool more() const noexcept { return !failed_ && at_ < pattern_.size(); }
  [[nodiscard]] bool next_is(char c) const noexcept { return more() && pattern_[at_] == c; }

  void put(Beginning& beginning, std::size_t place, unsigned char c) const {
    beginning.add(place, c);
    if (any_case_ && is_letter(c)) beginning.add(place, c ^ 0x20U);
  }

  // What each of them is sure to hold.
  Kinds alternatives(int depth) {
    const std::uint32_t before = taken_;
    std::uint32_t after = 0;
    Kinds all = kAll;
    for (;;) {
      taken_ = before;
      all &= sequence(depth);
      after |= taken_;
      if (!next_is('|')) break;
      alternates_ = alternates_ || depth == 0;
      ++at_;
    }
    taken_ = after;
    return all;
  }

  // What any part of it is sure to hold.
  Kinds sequence(int depth) {
    Kinds any = 0;
    while (more() && pattern_[at_] != '|' && pattern_[at_] != ')') any |= repeated(depth);
    return any;
  }

  // An atom as often as it may stand in a row, for as long as that matters for the first bytes.
  Kinds repeated(int depth) {
    const std::size_t begin = at_;
    const std::uint32_t before = taken_;
    const Kinds kinds = atom(depth);
    const Repeat repeat = read_repeat();
    const std::size_t end = at_;
    std::uint32_t after = repeat.min == 0 ? before : 0;
    for (std::uint32_t count = 1; !failed_; ++count) {
      if (count >= repeat.min) after |= taken_;
      if (count >= repeat.max || taken_ == 1U << Beginning::kBytes) {
        after |= taken_;
        break;
      }
      at_ = begin;
      atom(depth);
    }
    taken_ = repeat.max == 0 ? before : after;
    at_ = end;
    return repeat.min > 0 ? kinds : Kinds{0};
  }

  Kinds atom(int depth) {
    if (++atoms_ > kAtomsMax) return fail();
    const char c = pattern_[at_];
    if (c == '(') return group(depth);
    if (c == '[') return take(char_class());
    if (c == '\\') {
      // Every match begins at a boundary when the outermost sequence does, and is the only one.
      const bool first = depth == 0 && taken_ == 1 && pattern_.substr(at_, 2) == "\\b";
      boundary_first_ = boundary_first_ || first;
      return take(escape());
    }
    ++at_;
    if (c == '^') return 0;
    return take(c == '.' ? Bytes().set() : only(static_cast<unsigned char>(c)));
  }

  // One of `bytes` comes next; none of them: a place and no byte.
  Kinds take(const Bytes& bytes) {
    if (bytes.none()) return 0;
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if ((taken_ & 1U << place) != 0) places_[place] |= bytes;
    }
    constexpr std::uint32_t kPast = 1U << Beginning::kBytes;
    taken_ = (taken_ << 1 | (taken_ & kPast)) & (2 * kPast - 1);
    return kinds_of(bytes);
  }

  Kinds group(int depth) {
    ++at_;
    if (depth >= kDepthMax) return fail();
    if (next_is('?')) {
      // Flags, a name, or a plain group; flags by themselves are no group.
      const std::size_t end = pattern_.find_first_of(":>)", at_);
      if (end == std::string_view::npos) return fail();
      const std::string_view head = pattern_.substr(at_, end - at_);
      const bool flags = head.find('<') == std::string_view::npos;
      any_case_ = any_case_ || (flags && head.find('i') != std::string_view::npos);
      at_ = end + 1;
      if (pattern_[end] == ')') return 0;
    }
    const Kinds inside = alternatives(depth + 1);
    if (!next_is(')')) return fail();
    ++at_;
    return inside;
  }

  // The repeat that may follow. Counts beyond what matters are cut down.
  Repeat read_repeat() {
    Repeat repeat;
    if (next_is('{')) {
      const std::size_t end = pattern_.find('}', at_);
      const std::string_view counts =
          end == std::string_view::npos ? "" : pattern_.substr(at_ + 1, end - at_ - 1);
      const std::size_t comma = std::min(counts.find(','), counts.size());
      if (comma == 0 || counts.find_first_not_of("0123456789,") != std::string_view::npos) {
        fail();
        return repeat;
      }
      repeat.min = count_of(counts.substr(0, comma));
      repeat.max = comma == counts.size()       ? repeat.min
                   : comma + 1 == counts.size() ? kRepeatsMax
                                                : count_of(counts.substr(comma + 1));
      at_ = end + 1;
    } else if (next_is('?') || next_is('*') || next_is('+')) {
      repeat.min = pattern_[at_] == '+' ? 1 : 0;
      repeat.max = pattern_[at_] == '?' ? 1 : kRepeatsMax;
      ++at_;
    } else {
      return repeat;
    }
    // A lazy or a possessive one matches no other texts; a repeat of a repeat is not known.
    if (next_is('?') || next_is('+')) ++at_;
    if (next_is('?') || next_is('*') || next_is('+') || next_is('{')) fail();
    return repeat;
  }

  static std::uint32_t count_of(std::string_view digits) noexcept {
    std::uint32_t count = 0;
    for (const char c : digits) {
      count = std::min(kRepeatsMax, count * 10 + static_cast<std::uint32_t>(c - '0'));
    }
    return count;
  }

  // The bytes that an escape stands for; none for one that takes no byte.
  Bytes escape() {
    const std::string_view rest = pattern_.substr(at_);
    if (rest.size() < 2) return give_up();
    const char c = rest[1];
    at_ += 2;
    const Bytes digits = all_within('0', '9');
    const Bytes spaces = all_within('\t', '\r') | only(' ');
    switch (c) {
      case 'x':
        return hex(rest);
      case 'd':
        return digits;
      case 'D':
        return ~digits;
      case 'w':
        return kWordBytes;
      case 'W':
        return ~kWordBytes;
      case 's':
        return spaces;
      case 'S':
        return ~spaces;
      case 'n':
        return only('\n');
      case 'r':
        return only('\r');
      case 't':
        return only('\t');
      case 'b':
      case 'B':
        return {};
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    return is_letter(byte) || is_digit(byte) ? give_up() : only(byte);
  }

  Bytes hex(std::string_view rest) {
    if (rest.size() < 4) return give_up();
    const int high = hex_value(static_cast<unsigned char>(rest[2]));
    const int low = hex_value(static_cast<unsigned char>(rest[3]));
    if (high < 0 || low < 0) return give_up();
    at_ += 2;
    return only(static_cast<unsigned char>(high * 16 + low));
  }

  Bytes char_class() {
    ++at_;
    const bool negated = next_is('^');
    if (negated) ++at_;
    Bytes bytes;
    for (bool first = true; more() && (first || pattern_[at_] != ']'); first = false) {
      if (pattern_.substr(at_, 2) == "[:") return give_up();
      const Bytes low = member();
      const bool range = at_ + 1 < pattern_.size() && pattern_[at_] == '-' &&
                         pattern_[at_ + 1] != ']' && low.count() == 1;
      if (!range) {
        bytes |= low;
        continue;
      }
      ++at_;
      const Bytes high = member();
      if (high.count() != 1) return give_up();
      std::size_t c = 0;
      while (!low.test(c)) ++c;
      for (; c < bytes.size(); ++c) {
        bytes.set(c);
        if (high.test(c)) break;
      }
    }
    if (!next_is(']')) return give_up();
    ++at_;
    // Without regard to case it leaves out more than is written.
    return negated ? ~bytes : bytes;
  }

  Bytes member() {
    if (!more()) return give_up();
    // In a class it is a backspace.
    if (pattern_.substr(at_, 2) == "\\b") return give_up();
    if (pattern_[at_] == '\\') return escape();
    return only(static_cast<unsigned char>(pattern_[at_++]));
  }

  Kinds fail() {
    failed_ = true;
    return 0;
  }
  Bytes give_up() {
    failed_ = true;
    return {};
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool failed_ = false;
  bool any_case_ = false;
  bool boundary_first_ = false;
  bool alternates_ = false;  // at the outermost level
  std::uint32_t atoms_ = 0;
  std::uint32_t taken_ = 1;  // bit n: a match may have taken n bytes by here; the last: more
  std::array<Bytes, Beginning::kBytes> places_{};
};

void note(Occurrence& seen, std::size_t begin, std::size_t end) noexcept {
  if (seen.begin == seen.end) seen.begin = begin;
  seen.end = end;
}

}  // namespace

Beginning Beginning::anywhere() noexcept {
  Beginning any;
  any.bits_.fill(0xFF);
  return any;
}

void Beginning::add(const Beginning& other) noexcept {
  for (std::size_t c = 0; c < bits_.size(); ++c) {
    bits_[c] = static_cast<std::uint8_t>(bits_[c] | other.bits_[c]);
  }
}

// Bit n of `fits`: the last n bytes, and the one before them, fit the first n places.
std::size_t Beginning::next(std::string_view text, std::size_t from,
                            std::size_t until) const noexcept {
  const std::size_t end = std::min(text.size(), until + kBytes - 1);
  // Any match may begin the text.
  std::uint32_t fits = from == 0 ? 1 : 0;
  for (std::size_t at = from == 0 ? 0 : from - 1; at < end; ++at) {
    fits = (fits << 1 | 1U) & bits_[static_cast<unsigned char>(text[at])];
    if ((fits >> kBytes & 1U) != 0) return at + 1 - kBytes;
  }
  if (end < text.size()) return until;
  for (std::size_t begun = std::min(kBytes - 1, end - from); begun > 0; --begun) {
    if ((fits >> begun & 1U) != 0 && end - begun < until) return end - begun;
  }
  return until;
}

Shape shape_of(std::string_view pattern) {
  return ShapeReader(pattern).read();
}

Occurrences occurrences_in(std::string_view text) noexcept {
  Occurrences seen;
  seen[static_cast<std::size_t>(Need::nothing)] = {0, text.size()};
  Occurrence& digits = seen[static_cast<std::size_t>(Need::digit)];
  Occurrence& beyond = seen[static_cast<std::size_t>(Need::beyond_ascii)];
  std::size_t at = 0;
#if defined(__SSE2__)
  constexpr std::size_t kBlock = 16;
  for (; at + kBlock <= text.size(); at += kBlock) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i past = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(past, _mm_set1_epi8(9)), past);
    // The sign bit of a byte says that it is beyond ASCII; that of `digit` that it is one.
    if (_mm_movemask_epi8(_mm_or_si128(bytes, digit)) == 0) continue;
    const auto take = [&](Occurrence& kind, int mask) {
      if (mask == 0) return;
      const auto bits = static_cast<std::uint32_t>(mask);
      note(kind, at + static_cast<std::size_t>(std::countr_zero(bits)),
           at + static_cast<std::size_t>(std::bit_width(bits)));
    };
    take(digits, _mm_movemask_epi8(digit));
    take(beyond, _mm_movemask_epi8(bytes));
  }
#endif
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (is_digit(c)) note(digits, at, at + 1);
    if (c >= 0x80) note(beyond, at, at + 1);
  }
  return seen;
}

}  // namespace cordon::policy

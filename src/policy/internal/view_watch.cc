// When a view is called for. Plain text is looked at sixty-four bytes at a time.
#include "policy/internal/characters.h"
#include "policy/internal/engine_core.h"
#include "policy/internal/unicode.h"
#include "policy/internal/view_text.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cordon::policy {
namespace {

constexpr std::uint32_t kRun = 24;   // base64 letters in a row that may be encoded text
constexpr std::uint32_t kTurns = 7;  // letters and signs in turns that may be letters apart
constexpr std::uint32_t kNear = 32;  // bytes within which swapped digits belong together
constexpr std::uint32_t kWord = 24;  // bytes from joint to joint within which words are joined
constexpr std::uint32_t kJoints = 4;
constexpr std::uint32_t kOddMax = 64;  // how far back digits beside letters are read as such
constexpr std::size_t kStepped = 8;  // bytes that are stepped through before gliding is tried again
constexpr std::size_t kGlidedMin = 16;  // fewer are stepped through
constexpr std::size_t kBlocks = 8;      // looked at together
static_assert(kClassedBytes > kNear && kClassedBytes > kWord && kClassedBytes > kRun);
static_assert(kViewBehindBytes > kOddMax && kViewBehindBytes > kJoints * kWord);

// What a byte is to a step, as bits.
constexpr std::uint8_t kLetter = 1;
constexpr std::uint8_t kWordByte = 2;
constexpr std::uint8_t kBase64 = 4;
constexpr std::uint8_t kJoint = 8;
constexpr std::uint8_t kSwap = 16;
constexpr std::uint8_t kSpace = 32;
constexpr std::uint8_t kEscape = 64;

constexpr std::array<std::uint8_t, 256> kSteps = [] {
  std::array<std::uint8_t, 256> steps{};
  for (unsigned i = 0; i < steps.size(); ++i) {
    const auto c = static_cast<unsigned char>(i);
    unsigned bits = 0;
    if (is_letter(c)) bits |= kLetter;
    if (is_letter(c) || is_digit(c) || c >= 0x80) bits |= kWordByte;
    if (is_base64(c)) bits |= kBase64;
    if (is_joint(c)) bits |= kJoint;
    if (letter_for(c) != 0) bits |= kSwap;
    if (c == ' ' || c == '\n') bits |= kSpace;
    if (c == '%' || c == '&' || c == '\\') bits |= kEscape;
    steps[i] = static_cast<std::uint8_t>(bits);
  }
  return steps;
}();

// The classes of 64 bytes that end with the first `count` of `now`, after those of `before`.
ByteClasses followed(const ByteClasses& before, const ByteClasses& now,
                     std::size_t count) noexcept {
  if (count == kClassedBytes) return now;
  if (count == 0) return before;
  const auto join = [&](std::uint64_t old, std::uint64_t next) {
    return old >> count | next << (kClassedBytes - count);
  };
  return {join(before.letter, now.letter), join(before.word, now.word),
          join(before.base64, now.base64), join(before.joint, now.joint),
          join(before.swap, now.swap),     join(before.rare, now.rare)};
}

// Where in `now` a run of `length` set bits is complete that goes on from `run` set ones before it.
std::uint64_t completes(std::uint64_t now, std::uint64_t long_runs, std::uint32_t run,
                        std::uint32_t length) noexcept {
  const auto first = static_cast<std::uint32_t>(std::countr_one(now));
  if (first == 0 || run + first < length) return long_runs;
  return long_runs | std::uint64_t{1} << (run + 1 < length ? length - 1 - run : 0);
}

std::uint64_t turns_in(std::uint64_t word, std::uint64_t before) noexcept {
  return word ^ (word << 1 | before >> 63);
}

std::uint32_t last_run(std::uint64_t mask) noexcept {
  return static_cast<std::uint32_t>(std::countl_one(mask));
}

// How many of the first `count` bytes of `now` change nothing but what their classes tell.
std::size_t calm_bytes(const ByteClasses& now, const ByteClasses& before,
                       std::size_t count) noexcept {
  static_assert(kRun == 24 && kTurns == 7, "the shifts below add up to these");
  const auto behind = [](std::uint64_t mask, std::uint64_t old, int by) {
    return mask << by | old >> (64 - by);
  };
  std::uint64_t run = now.base64 & now.base64 << 1;
  run &= run << 2;
  run &= run << 4;
  run &= run << 8;
  run &= run << 8;
  run = completes(now.base64, run, last_run(before.base64), kRun);
  const std::uint64_t turn = turns_in(now.word, before.word);
  std::uint64_t turns = turn & turn << 1;
  turns &= turns << 2;
  turns &= turns << 3;
  turns = completes(turn, turns, last_run(turns_in(before.word, 0)), kTurns);
  const std::uint64_t letter_before = behind(now.letter, before.letter, 1);
  const std::uint64_t joined =
      now.letter & behind(now.letter, before.letter, 2) & behind(now.joint, before.joint, 1);
  const std::uint64_t odd =
      (now.letter & behind(now.swap, before.swap, 1)) | (now.swap & letter_before);
  const auto first = std::countr_zero(run | turns | joined | odd | now.rare);
  return std::min(count, static_cast<std::size_t>(first));
}

}  // namespace

void ViewWatch::find(View view, std::uint64_t from) noexcept {
  if ((wanted_ & in(view)) == 0 || (found_ & in(view)) != 0) return;
  found_ |= in(view);
  fresh_ |= in(view);
  from_[static_cast<std::size_t>(view)] = from;
}

// Every trigger below has its counterpart here: the bytes so far that may be the beginning of one.
std::uint64_t ViewWatch::unsure() const noexcept {
  const ViewSet open = wanted_ & ~found_;
  std::uint64_t from = kNone;
  const auto may = [&](ViewSet views, std::uint64_t begin) {
    if ((open & views) != 0) from = std::min(from, begin);
  };
  const bool escape = last_ == '%' || last_ == '&' || last_ == '\\';
  if (run_ > 0) may(in(View::decoded), at_ - run_);
  if (escape && at_ > 0) may(in(View::decoded), at_ - 1);
  if (singles_ > 0) may(in(View::squeezed), at_ - singles_);
  if (joined_ > 0 && at_ - joined_to_ < kWord) may(in(View::squeezed), joined_at_);
  if (odd_ && at_ - odd_to_ < kNear) may(in(View::squeezed), odd_from());
  if (is_joint(last_) || letter_for(last_) != 0) may(in(View::squeezed), at_ - 1);
  if (missing_ > 0) may(in(View::folded) | in(View::skeleton) | in(View::hidden), character_at_);
  if (selectors_ > 0) may(in(View::hidden), selectors_at_);
  return from;
}

std::uint64_t ViewWatch::odd_from() const noexcept {
  return std::max(odd_at_, at_ > kOddMax ? at_ - kOddMax : 0);
}

void ViewWatch::step_utf8(unsigned char c) {
  if (missing_ > 0 && (c & 0xC0) == 0x80) {
    character_ = character_ << 6 | (c & 0x3FU);
    if (--missing_ > 0) return;
  } else {
    missing_ = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC2 ? 1 : 0;
    character_at_ = at_ - 1;
    if (missing_ == 0) selectors_ = 0;
    character_ = c & (0x3FU >> missing_);
    return;
  }
  if (selectors_ == 0) selectors_at_ = character_at_;
  selectors_ = carried_by(character_) ? selectors_ + 1 : 0;
  if (is_tag(character_)) find(View::hidden, character_at_);
  if (selectors_ >= 2) find(View::hidden, selectors_at_);
  if ((wanted_ & ~found_ & (in(View::folded) | in(View::skeleton))) == 0) return;
  const ViewSet otherwise = likeness_of(character_).otherwise;
  if ((otherwise & in(View::folded)) != 0) find(View::folded, character_at_);
  if ((otherwise & in(View::skeleton)) != 0) find(View::skeleton, character_at_);
}

void ViewWatch::step(unsigned char c) noexcept {
  const std::uint8_t now = kSteps[c];
  const std::uint8_t was = kSteps[last_];
  const std::uint64_t at = at_++;
  run_ = (now & kBase64) != 0 ? run_ + 1 : 0;
  if (run_ == kRun) find(View::decoded, at_ - kRun);
  // An escape's second sign: what follows it is for its reader to judge.
  if ((was & kEscape) != 0) {
    const bool escape = (last_ == '%' && hex_value(c) >= 0) ||
                        (last_ == '&' && (c == '#' || is_letter(c))) ||
                        (last_ == '\\' && (c == 'u' || c == 'x'));
    if (escape) find(View::decoded, at - 1);
  }
  singles_ = ((now ^ was) & kWordByte) != 0 ? singles_ + 1 : 0;
  if (singles_ == kTurns) find(View::squeezed, at_ - kTurns);
  if ((now & kSpace) != 0) joined_ = 0;
  if ((was & kJoint) != 0 && (now & kLetter) != 0) step_joint(at);
  if (((was & kSwap) != 0 && (now & kLetter) != 0) ||
      ((now & kSwap) != 0 && (was & kLetter) != 0)) {
    step_swap(c, at);
  }
  before_ = last_;
  last_ = c;
}

// A letter behind a joint.
void ViewWatch::step_joint(std::uint64_t at) noexcept {
  if (!is_letter(before_)) return;
  if (joined_ > 0 && at - joined_to_ >= kWord) joined_ = 0;
  if (joined_ == 0) joined_at_ = at - 1;
  joined_to_ = at;
  if (++joined_ == kJoints) find(View::squeezed, joined_at_);
}

// A letter beside what may stand for one. Three between letters call for the view, which then reads
// those beside letters as well.
void ViewWatch::step_swap(unsigned char c, std::uint64_t at) noexcept {
  const bool before = is_letter(c);
  if (!odd_ || at - odd_to_ >= kNear) odd_at_ = before ? at - 1 : at;
  odd_ = true;
  odd_to_ = at;
  if (!before || !is_letter(before_)) return;
  swapped_ = swapped_ > 0 && at - swapped_to_ < kNear ? swapped_ + 1 : 1;
  swapped_to_ = at;
  if (swapped_ == 3) find(View::squeezed, odd_from());
}

// Whether the classes of the last 64 bytes say all that matters of what came before.
bool ViewWatch::quiet() const noexcept {
  const bool escapes = last_ == '%' || last_ == '&' || last_ == '\\';
  return missing_ == 0 && selectors_ == 0 && !escapes &&
         (rare_to_ == 0 || at_ - rare_to_ > kTurns) && (!odd_ || at_ - odd_to_ >= kNear) &&
         (joined_ == 0 || at_ - joined_to_ >= kWord);
}

// The classes of the 64 bytes before bytes[from].
ByteClasses ViewWatch::classes_before(std::string_view bytes, std::size_t from) const noexcept {
  if (classes_at_ == at_) return classes_;
  ByteClasses classes;
  if (from >= kClassedBytes) {
    classify(bytes.data() + from - kClassedBytes, 1, &classes);
    return classes;
  }
  std::array<char, kClassedBytes> last;
  std::memcpy(last.data(), recent_.data() + from, last.size() - from);
  std::memcpy(last.data() + last.size() - from, bytes.data(), from);
  classify(last.data(), 1, &classes);
  return classes;
}

// Goes on from bytes[from], of which the watch is quiet, to the first that has to be stepped
// through.
std::size_t ViewWatch::glide(std::string_view bytes, std::size_t from) noexcept {
  ByteClasses last = classes_before(bytes, from);
  std::array<ByteClasses, kBlocks> classes;
  std::size_t at = from;
  std::size_t ahead = 1;
  for (bool calm = true; calm && at < bytes.size(); ahead = std::min(2 * ahead, kBlocks)) {
    const std::size_t left = bytes.size() - at;
    const std::size_t blocks = std::min(left / kClassedBytes, ahead);
    if (blocks > 0) {
      classify(bytes.data() + at, blocks, classes.data());
    } else {
      // What stands behind them is of no class.
      std::array<char, kClassedBytes> rest{};
      std::memcpy(rest.data(), bytes.data() + at, left);
      classify(rest.data(), 1, classes.data());
    }
    const std::size_t count = std::min(left, kClassedBytes);
    for (std::size_t i = 0; calm && i < std::max<std::size_t>(blocks, 1); ++i) {
      const std::size_t taken = calm_bytes(classes[i], last, count);
      last = followed(last, classes[i], taken);
      at += taken;
      calm = taken == count;
    }
  }
  if (at > from) {
    before_ = at > from + 1 ? static_cast<unsigned char>(bytes[at - 2]) : last_;
    last_ = static_cast<unsigned char>(bytes[at - 1]);
    run_ = last_run(last.base64);
    singles_ = last_run(turns_in(last.word, 0));
    at_ += at - from;
  }
  classes_ = last;
  classes_at_ = at_;
  return at;
}

void ViewWatch::remember(std::string_view bytes) noexcept {
  if (bytes.size() >= recent_.size()) {
    std::memcpy(recent_.data(), bytes.data() + bytes.size() - recent_.size(), recent_.size());
    return;
  }
  const std::size_t kept = recent_.size() - bytes.size();
  std::memmove(recent_.data(), recent_.data() + bytes.size(), kept);
  std::memcpy(recent_.data() + kept, bytes.data(), bytes.size());
}

std::size_t ViewWatch::look_to_first(std::string_view bytes) {
  const std::size_t looked = step_to_first(bytes);
  remember(bytes.substr(0, looked));
  return looked;
}

std::size_t ViewWatch::step_to_first(std::string_view bytes) {
  std::size_t glide_from = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == glide_from) {
      if (bytes.size() - i >= kGlidedMin && quiet()) i = glide(bytes, i);
      if (i == bytes.size()) break;
      glide_from = i + kStepped;
    }
    const auto c = static_cast<unsigned char>(bytes[i]);
    step(c);
    if (c < 0x80) selectors_ = 0;
    if (c >= 0x80) rare_to_ = at_;
    if (c >= 0x80 || missing_ > 0) step_utf8(c);
    if (fresh_ != 0) return i + 1;
  }
  return bytes.size();
}

}  // namespace cordon::policy

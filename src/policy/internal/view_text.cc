#include "policy/internal/view_text.h"

#include "policy/internal/characters.h"
#include "policy/internal/unicode.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cordon::policy {
namespace {

// So many bytes that say nothing become one that parts words: what is held back has a bound.
constexpr std::uint64_t kSilentBytesMax = 64;
constexpr char kGap = '\x01';

std::size_t ascii_bytes(std::string_view bytes) noexcept {
  std::size_t count = 0;
  for (std::uint64_t eight = 0; count + sizeof eight <= bytes.size(); count += sizeof eight) {
    std::memcpy(&eight, bytes.data() + count, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (count < bytes.size() && static_cast<unsigned char>(bytes[count]) < 0x80) ++count;
  return count;
}

/// Folded and skeleton: character by character.
class LetterReader final : public ViewReader {
 public:
  explicit LetterReader(View view) : view_(view) {}

  void take(char byte, std::uint64_t at, ViewText& out) override {
    const auto read = reader_.take(static_cast<unsigned char>(byte), at);
    if (!read) return;
    if (read->value < 0x80 || !read->whole) {
      put(std::string_view(&byte, 1), at, at, out);
      return;
    }
    const Likeness alike = likeness_of(read->value);
    put(view_ == View::folded ? alike.folded : alike.skeleton, read->begin, at, out);
  }
  // A stretch of plain ASCII is what it is.
  void take_all(std::string_view bytes, std::uint64_t at, ViewText& out) override {
    for (std::size_t i = 0; i < bytes.size();) {
      const std::size_t plain = reader_.inside() ? 0 : ascii_bytes(bytes.substr(i));
      if (plain > 0) {
        out.put_same(bytes.substr(i, plain), at + i);
        silent_ = 0;
        i += plain;
        continue;
      }
      take(bytes[i], at + i, out);
      ++i;
    }
  }
  void finish(std::uint64_t, ViewText&) override {}
  [[nodiscard]] std::uint64_t undecided() const noexcept override {
    return reader_.inside() ? reader_.begin() : kNone;
  }

 private:
  void put(std::string_view bytes, std::uint64_t begin, std::uint64_t at, ViewText& out) {
    silent_ = bytes.empty() ? silent_ + at + 1 - begin : 0;
    const bool long_silence = silent_ >= kSilentBytesMax;
    if (long_silence) silent_ = 0;
    out.put(long_silence ? std::string_view(&kGap, 1) : bytes, {begin, at + 1, at + 1});
  }

  View view_;
  CharacterReader reader_;
  std::uint64_t silent_ = 0;
};

/// What characters carry that nobody sees. A character that is seen parts what stands around it.
class HiddenReader final : public ViewReader {
 public:
  void take(char byte, std::uint64_t at, ViewText& out) override {
    const auto read = reader_.take(static_cast<unsigned char>(byte), at);
    if (!read) return;
    char shown = '\n';
    if (is_tag(read->value)) {
      shown = static_cast<char>(read->value - 0xE0000);
    } else if (const auto carried = carried_by(read->value)) {
      shown = static_cast<char>(*carried);
    }
    out.put(shown, {read->begin, at + 1, at + 1});
  }
  void finish(std::uint64_t, ViewText&) override {}
  [[nodiscard]] std::uint64_t undecided() const noexcept override {
    return reader_.inside() ? reader_.begin() : kNone;
  }

 private:
  CharacterReader reader_;
};

/// Bytes that a reader has taken and not yet decided about.
struct Pending {
  static constexpr std::size_t kMax = 24;
  std::array<char, kMax> bytes{};
  std::array<std::uint64_t, kMax> at{};
  std::size_t count = 0;

  void push(char byte, std::uint64_t position) {
    bytes[count] = byte;
    at[count++] = position;
  }
  [[nodiscard]] std::string_view text() const noexcept { return {bytes.data(), count}; }
  /// Puts them as they are.
  void flush(std::uint64_t now, ViewText& out) {
    for (std::size_t i = 0; i < count; ++i) out.put(bytes[i], {at[i], at[i] + 1, now});
    count = 0;
  }
};

void append_utf8(std::uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  } else {
    out += {static_cast<char>(0xE0 | (c >> 12 & 15)), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
            static_cast<char>(0x80 | (c & 0x3F))};
  }
}

// Characters of a text somebody may read, and not the bytes of a hash or a picture.
bool reads_like_text(std::string_view bytes) noexcept {
  std::size_t beyond = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) ++beyond;
    if (byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t')) return false;
  }
  return beyond * 3 <= bytes.size() * 2;
}

/// Undoes one layer of the usual encodings, in place; all else passes as it is.
class DecodedReader final : public ViewReader {
 public:
  void take(char byte, std::uint64_t at, ViewText& out) override {
    now_ = at + 1;
    const auto c = static_cast<unsigned char>(byte);
    switch (state_) {
      case State::plain:
        return plain(byte, at, out);
      case State::escape:
        return escape(byte, at, out);
      case State::run:
        return run(byte, at, out);
      case State::base64:
      case State::hex:
        return decode(byte, at, out);
      case State::opaque:
        if (!is_base64(c)) state_ = State::plain;
        return out.put(byte, {at, at + 1, now_});
    }
  }

  void finish(std::uint64_t size, ViewText& out) override {
    now_ = size;
    if (state_ == State::base64) {
      put_group(out);
    } else {
      pending_.flush(now_, out);
    }
    state_ = State::plain;
  }

  [[nodiscard]] std::uint64_t undecided() const noexcept override {
    return pending_.count > 0 ? pending_.at[0] : kNone;
  }

 private:
  enum class State : std::uint8_t { plain, escape, run, base64, hex, opaque };
  static constexpr std::size_t kEscapeBytesMax = 10;

  void plain(char byte, std::uint64_t at, ViewText& out) {
    const auto c = static_cast<unsigned char>(byte);
    if (byte == '%' || byte == '&' || byte == '\\') {
      state_ = State::escape;
      pending_.push(byte, at);
    } else if (is_letter(c) || is_digit(c)) {
      state_ = State::run;
      pending_.push(byte, at);
    } else {
      out.put(byte, {at, at + 1, now_});
    }
  }

  // What the escape says so far: a character, that more must come, or that it is none.
  enum class Said : std::uint8_t { more, character, nothing };
  Said read_escape(std::uint32_t& character) const {
    const std::string_view text = pending_.text();
    const auto hex = [&](std::string_view digits) {
      character = 0;
      for (const char digit : digits) {
        const int value = hex_value(static_cast<unsigned char>(digit));
        if (value < 0) return false;
        character = character * 16 + static_cast<std::uint32_t>(value);
      }
      return true;
    };
    if (text[0] == '&') return read_reference(text, character);
    const bool percent = text[0] == '%';
    if (!percent && text.size() > 1 && text[1] != 'u' && text[1] != 'x') return Said::nothing;
    const std::size_t head = percent ? 1 : 2;
    const std::size_t digits = percent || (text.size() > 1 && text[1] == 'x') ? 2 : 4;
    if (text.size() > head && !hex(text.substr(head))) return Said::nothing;
    return text.size() == head + digits ? Said::character : Said::more;
  }

  static Said read_reference(std::string_view text, std::uint32_t& character) {
    struct Named {
      std::string_view name;
      char character;
    };
    constexpr std::array<Named, 7> kNamed = {{{"&lt", '<'},
                                              {"&gt", '>'},
                                              {"&amp", '&'},
                                              {"&quot", '"'},
                                              {"&apos", '\''},
                                              {"&nbsp", ' '},
                                              {"&colon", ':'}}};
    const auto c = static_cast<unsigned char>(text.back());
    if (text.back() != ';') {
      const bool fits = is_letter(c) || is_digit(c) || (text.size() <= 2 && (c == '#' || c == '&'));
      return fits && text.size() < kEscapeBytesMax ? Said::more : Said::nothing;
    }
    text.remove_suffix(1);
    for (const Named& named : kNamed) {
      if (named.name != text) continue;
      character = static_cast<unsigned char>(named.character);
      return Said::character;
    }
    if (!text.starts_with("&#") || text.size() < 3) return Said::nothing;
    const bool hex = text[2] == 'x' || text[2] == 'X';
    character = 0;
    for (const char digit : text.substr(hex ? 3 : 2)) {
      const int value = hex_value(static_cast<unsigned char>(digit));
      if (value < 0 || (!hex && value > 9)) return Said::nothing;
      character = character * (hex ? 16 : 10) + static_cast<std::uint32_t>(value);
    }
    return Said::character;
  }

  void escape(char byte, std::uint64_t at, ViewText& out) {
    pending_.push(byte, at);
    std::uint32_t character = 0;
    const Said said = read_escape(character);
    if (said == Said::more) return;
    state_ = State::plain;
    if (said == Said::character && character < 0x10000 && character != 0) {
      std::string decoded;
      // A percent escape is a byte; its neighbours complete the character.
      if (pending_.bytes[0] == '%') {
        decoded += static_cast<char>(character);
      } else {
        append_utf8(character, decoded);
      }
      out.put(decoded, {pending_.at[0], at + 1, now_});
      pending_.count = 0;
      return;
    }
    // It was none: all but its last byte are what they are, and the last may begin something.
    --pending_.count;
    pending_.flush(now_, out);
    plain(byte, at, out);
  }

  void run(char byte, std::uint64_t at, ViewText& out) {
    if (!is_base64(static_cast<unsigned char>(byte))) {
      pending_.flush(now_, out);
      state_ = State::plain;
      return plain(byte, at, out);
    }
    pending_.push(byte, at);
    if (pending_.count < Pending::kMax) return;
    const std::string_view text = pending_.text();
    const bool hex = std::all_of(text.begin(), text.end(), [](char c) {
      return hex_value(static_cast<unsigned char>(c)) >= 0;
    });
    const Pending taken = pending_;
    pending_.count = 0;
    for (const State state : {State::hex, State::base64}) {
      if (state == State::hex && !hex) continue;
      state_ = state;
      if (!reads_like_text(decoded_of(taken, state))) continue;
      for (std::size_t i = 0; i < taken.count; ++i) decode(taken.bytes[i], taken.at[i], out);
      return;
    }
    state_ = State::opaque;
    pending_ = taken;
    pending_.flush(now_, out);
  }

  static std::string decoded_of(const Pending& pending, State state) {
    std::string decoded;
    const std::size_t group = state == State::hex ? 2 : 4;
    for (std::size_t i = 0; i + group <= pending.count; i += group) {
      append_group(pending.text().substr(i, group), state, decoded);
    }
    return decoded;
  }

  static void append_group(std::string_view letters, State state, std::string& out) {
    std::uint32_t bits = 0;
    if (state == State::hex) {
      for (const char c : letters) {
        bits = bits * 16 + static_cast<std::uint32_t>(hex_value(static_cast<unsigned char>(c)));
      }
      out += static_cast<char>(bits);
      return;
    }
    for (const char c : letters) {
      bits = bits << 6 | static_cast<std::uint32_t>(base64_value(static_cast<unsigned char>(c)));
    }
    bits <<= 6 * (4 - letters.size());
    for (std::size_t i = 0; i + 1 < letters.size(); ++i) {
      out += static_cast<char>(bits >> (16 - 8 * i) & 0xFF);
    }
  }

  void decode(char byte, std::uint64_t at, ViewText& out) {
    const auto c = static_cast<unsigned char>(byte);
    const bool goes_on = state_ == State::hex ? hex_value(c) >= 0 : is_base64(c);
    if (!goes_on) {
      if (state_ == State::base64) put_group(out);
      pending_.flush(now_, out);
      state_ = State::plain;
      return plain(byte, at, out);
    }
    pending_.push(byte, at);
    if (pending_.count == (state_ == State::hex ? 2U : 4U)) put_group(out);
  }

  void put_group(ViewText& out) {
    std::string decoded;
    append_group(pending_.text(), state_, decoded);
    if (pending_.count < 2) return pending_.flush(now_, out);
    if (!reads_like_text(decoded) &&
        decoded.find_first_of(std::string_view("\0\x01\x02", 3)) != std::string::npos) {
      pending_.flush(now_, out);
      state_ = State::opaque;
      return;
    }
    out.put(decoded, {pending_.at[0], pending_.at[pending_.count - 1] + 1, now_});
    pending_.count = 0;
  }

  State state_ = State::plain;
  Pending pending_;
  std::uint64_t now_ = 0;
};

/// Joins letters that stand apart, parts words that signs join, and reads digits as letters.
class SqueezedReader final : public ViewReader {
 public:
  explicit SqueezedReader(unsigned char before) : shown_before_(before), last_(before) {}

  void take(char byte, std::uint64_t at, ViewText& out) override {
    now_ = at + 1;
    const auto c = static_cast<unsigned char>(byte);
    const bool word = is_word(c);
    if (joining_) {
      if (!word && gaps_ < kGapsMax) {
        ++gaps_;
        pending_.push(byte, at);
        return;
      }
      if (word && gaps_ > 0) {
        // One sign of the usual kind parts letters, anything else parts words.
        glued_ = gaps_ == 1 && pending_.bytes[0] == sign_;
        if (!glued_) single(' ', pending_.at[0], out);
        pending_.count = 0;
        gaps_ = 0;
        return single(byte, at, out);
      }
      // Two letters side by side: the first of them began an ordinary word.
      if (word && glued_) out_gap(out);
      joining_ = false;
      gaps_ = 0;
      put_taken(out);
    }
    // Letters and one sign in turns, from the beginning of a word.
    const bool turn = pending_.count % 2 == 0 ? word : !word && (sign_ == 0 || byte == sign_);
    const bool begins = pending_.count > 0 || !is_word(last_);
    if (turn && begins) {
      if (pending_.count == 1) sign_ = byte;
      if (pending_.count == 0) sign_ = 0;
      pending_.push(byte, at);
      if (pending_.count < kTurns) return;
      const Pending taken = pending_;
      pending_.count = 0;
      joining_ = true;
      glued_ = true;
      gaps_ = 0;
      for (std::size_t i = 0; i < taken.count; i += 2) single(taken.bytes[i], taken.at[i], out);
      return;
    }
    put_taken(out);
    if (word && !is_word(last_)) {
      sign_ = 0;
      pending_.push(byte, at);
      return;
    }
    single(byte, at, out);
  }

  void finish(std::uint64_t size, ViewText& out) override {
    now_ = size;
    put_taken(out);
    put_held(' ', out);
    held_at_ = kNone;
  }

  [[nodiscard]] std::uint64_t undecided() const noexcept override {
    if (held_at_ != kNone) return held_at_;
    return pending_.count > 0 ? pending_.at[0] : kNone;
  }

 private:
  static constexpr std::size_t kTurns = 5;  // three letters and the signs between them
  static constexpr std::size_t kGapsMax = 12;

  static bool is_word(unsigned char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '@' || c == '$' || c >= 0x80;
  }

  // Parts the letter that is held from the one before it.
  void out_gap(ViewText& out) {
    if (held_at_ == kNone) return;
    out.put(' ', {held_at_, held_at_ + 1, now_});
    shown_before_ = ' ';
  }

  void put_taken(ViewText& out) {
    const Pending taken = pending_;
    pending_.count = 0;
    for (std::size_t i = 0; i < taken.count; ++i) single(taken.bytes[i], taken.at[i], out);
  }

  void put_held(unsigned char next, ViewText& out) {
    if (held_at_ == kNone) return;
    auto shown = static_cast<unsigned char>(held_);
    const char as_letter = letter_for(shown);
    if (as_letter != 0 && (is_letter(shown_before_) || is_letter(next))) {
      shown = static_cast<unsigned char>(as_letter);
    } else if (is_joint(shown) && is_word(shown_before_) && is_word(next)) {
      shown = ' ';
    }
    out.put(static_cast<char>(shown), {held_at_, held_at_ + 1, now_});
    shown_before_ = shown;
  }

  // Puts a byte once the next is known: a digit or sign may be a letter, a joint may be a gap.
  void single(char byte, std::uint64_t at, ViewText& out) {
    const auto next = static_cast<unsigned char>(byte);
    put_held(next, out);
    held_ = byte;
    held_at_ = at;
    last_ = next;
  }

  bool joining_ = false;
  bool glued_ = false;  // the letter that is held was joined to the one before it
  Pending pending_;
  std::size_t gaps_ = 0;
  char sign_ = 0;
  char held_ = 0;
  std::uint64_t held_at_ = kNone;
  unsigned char shown_before_;
  unsigned char last_;
  std::uint64_t now_ = 0;
};

}  // namespace

void ViewText::forget(std::uint64_t from) {
  if (from <= base_) return;
  const auto count = static_cast<std::ptrdiff_t>(from - base_);
  bytes_.erase(0, static_cast<std::size_t>(count));
  origins_.erase(origins_.begin(), origins_.begin() + count);
  base_ = from;
  if (origins_.empty()) return;
  // Positions stay small however long the text becomes.
  const std::uint32_t least = origins_.front().begin;
  for (Packed& packed : origins_) {
    packed.begin -= least;
    packed.end -= least;
    packed.at -= least;
  }
  text_base_ += least;
}

std::unique_ptr<ViewReader> reader_of(View view, unsigned char before) {
  switch (view) {
    case View::hidden:
      return std::make_unique<HiddenReader>();
    case View::decoded:
      return std::make_unique<DecodedReader>();
    case View::squeezed:
      return std::make_unique<SqueezedReader>(before);
    default:
      return std::make_unique<LetterReader>(view);
  }
}

std::string whole_view(View view, std::string_view text) {
  if (view == View::raw) return std::string(text);
  const auto reader = reader_of(view);
  ViewText seen;
  for (std::size_t at = 0; at < text.size(); ++at) reader->take(text[at], at, seen);
  reader->finish(text.size(), seen);
  return std::string(seen.window());
}

}  // namespace cordon::policy

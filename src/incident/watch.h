// Windows, detectors and desk behind one feed: give it every entry of the journal in order, and
// once a second ask what follows. After a restart, give it the same entries again.
#pragma once

#include "detect/detector.h"
#include "detect/windows.h"
#include "incident/desk.h"
#include "model/exchange.h"

#include <cstdint>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::incident {

/// What a Watch is made of.
struct WatchOptions {
  detect::WindowsOptions windows;
  detect::DetectorsOptions detectors = detect::DetectorsOptions::defaults();
  DeskOptions desk;
};

/// One thread's. `random` and `clock` are used for ids only and must outlive it.
class Watch {
 public:
  Watch(WatchOptions options, Random& random, const Clock& clock);

  /// One entry as the journal holds it. `corrupt` if it cannot be read; what follows still can.
  [[nodiscard]] Status observe(std::uint64_t sequence, std::string_view bytes);
  /// The same for the end of an exchange that was read already.
  using End = model::ExchangeReader::Read<model::EndRecord>;
  void observe(std::uint64_t sequence, const End& end);
  /// What follows at `now`: signals, then what the desk makes of those seen before. When all
  /// are journalled and observed, call it again until it has none.
  [[nodiscard]] std::vector<Draft> step(WallTime now) const;

  /// Which classes rules in force can see from now on.
  void measure(std::set<model::IncidentClass> classes) { desk_.measure(std::move(classes)); }
  [[nodiscard]] const detect::Windows& windows() const noexcept { return windows_; }
  [[nodiscard]] const Desk& desk() const noexcept { return desk_; }

 private:
  std::uint64_t next_ = 0;  ///< ends below this sequence were counted
  model::ExchangeReader reader_;
  detect::Windows windows_;
  detect::Detectors detectors_;
  Desk desk_;
};

}  // namespace cordon::incident

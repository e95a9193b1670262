#include "net/internal/reactor.h"

#include "base/assert.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <utility>

namespace cordon::net::internal {
namespace {

constexpr std::int64_t kTickNs = std::chrono::nanoseconds(kTick).count();
/// The longest sleep: bounds how late a clock that is moved by hand is read.
constexpr std::int64_t kSleepMsMax = 500;

}  // namespace

void Timer::arm(MonoTime deadline) noexcept {
  if (deadline == MonoTime::max()) {
    disarm();
    return;
  }
  due_tick_ = deadline.count() / kTickNs + 1;
  if (slot_tick_ != 0) {
    if (slot_tick_ <= due_tick_) return;
    unlink();
  }
  reactor_.link(*this);
}

void Timer::unlink() noexcept {
  if (slot_tick_ == 0) return;
  const auto slot = static_cast<std::size_t>(slot_tick_ % Reactor::kSlots);
  if (prev_ != nullptr) {
    prev_->next_ = next_;
  } else {
    reactor_.wheel_[slot] = next_;
    if (next_ == nullptr) reactor_.occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  if (next_ != nullptr) next_->prev_ = prev_;
  prev_ = next_ = nullptr;
  slot_tick_ = 0;
}

Parking::~Parking() {
  if (queued_) reactor_.forget(*this);
  if (cancel_ != nullptr) cancel_->waiting_ = nullptr;
}

Task<Wake> Parking::park(MonoTime deadline, Cancel* cancel) {
  CORDON_ASSERT(!handler_.has_value());
  cancel_ = cancel;
  if (cancel_ != nullptr) {
    CORDON_ASSERT(cancel_->waiting_ == nullptr);
    cancel_->waiting_ = this;
  }
  arm(deadline);
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Wake)>(
      Initiate{this}, boost::asio::use_awaitable);
}

Task<Wake> Parking::yield() {
  yields_ = true;
  return park(MonoTime::max(), nullptr);
}

void Parking::hold(Handler handler) {
  handler_.emplace(std::move(handler));
  if (yields_) wake(Wake::ready);
  if (cancel_ != nullptr && cancel_->cancelled_ && !cancel_->delivered_) wake(Wake::cut);
}

void Parking::wake(Wake why) noexcept {
  if (!handler_.has_value()) return;
  if (queued_) {
    if (why == Wake::cut) why_ = why;
    return;
  }
  why_ = why;
  queued_ = true;
  reactor_.enqueue(*this);
}

void Parking::resume() {
  disarm();
  queued_ = yields_ = false;
  if (cancel_ != nullptr) {
    cancel_->waiting_ = nullptr;
    if (why_ == Wake::cut) cancel_->delivered_ = true;
    cancel_ = nullptr;
  }
  Handler handler = std::move(*handler_);
  handler_.reset();
  handler(why_);  // this Parking may be gone afterwards
}

bool take_cut(Cancel* cancel) noexcept {
  return cancel != nullptr && cancel->take();
}

Reactor::Reactor(const Clock& clock)
    : clock_(clock),
      now_(clock.mono()),
      context_(1),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      tick_(now_.count() / kTickNs),
      read_buffer_(std::make_unique<char[]>(kReadBytes)) {
  CORDON_ASSERT(epoll_fd_ >= 0 && wake_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  CORDON_ASSERT(::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

Reactor::~Reactor() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void Reactor::run() {
  while (!stopped_.load(std::memory_order_acquire)) turn();
  stopped_.store(false, std::memory_order_release);
}

void Reactor::stop() noexcept {
  stopped_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Reactor::post(std::function<void()> fn) {
  boost::asio::post(context_, std::move(fn));
  posted_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Reactor::start(Task<void> task) {
  boost::asio::co_spawn(context_, std::move(task), [](const std::exception_ptr& failure) {
    if (failure) std::terminate();
  });
  expect_posts();
}

MonoTime Reactor::after(std::chrono::milliseconds timeout) const noexcept {
  if (timeout >= std::chrono::hours(24 * 365)) return MonoTime::max();
  return now_ + timeout;
}

bool Reactor::add(int fd, std::uint32_t events, Source& source) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  return ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Reactor::change(int fd, std::uint32_t events, Source& source) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void Reactor::remove(int fd, Source& source) noexcept {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = event_at_; i < event_count_; ++i) {
    if (events_[static_cast<std::size_t>(i)].data.ptr == &source) {
      events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
    }
  }
}

void Reactor::turn() {
  const int count = ::epoll_wait(epoll_fd_, events_.data(), kEvents, wait_ms());
  now_ = clock_.mono();
  dispatch(count);
  if (current_tick() != tick_) run_timers();
  run_ready();
  if (posted_.exchange(false, std::memory_order_acq_rel)) {
    context_.restart();
    context_.poll();
  }
}

void Reactor::dispatch(int count) {
  event_count_ = count;
  for (event_at_ = 0; event_at_ < event_count_;) {
    const epoll_event& event = events_[static_cast<std::size_t>(event_at_++)];
    if (event.data.ptr != nullptr) {
      static_cast<Source*>(event.data.ptr)->on_events(event.events);
    } else {
      std::uint64_t posts = 0;
      [[maybe_unused]] const ssize_t read = ::read(wake_fd_, &posts, sizeof posts);
    }
  }
  event_at_ = event_count_ = 0;
}

void Reactor::run_ready() {
  // Whoever is woken meanwhile goes on in the next turn, so that sockets are not starved.
  const std::uint64_t round = ++round_;
  const auto waits = [&] { return ready_.first != nullptr && ready_.first->round_ < round; };
  do {
    for (int i = 0; i < kYieldedAfter && waits(); ++i) take_first(ready_).resume();
    const std::uint64_t flush = ++round_;
    while (yielded_.first != nullptr && yielded_.first->round_ < flush) {
      take_first(yielded_).resume();
    }
  } while (waits());
}

Parking& Reactor::take_first(List& list) noexcept {
  Parking& parking = *list.first;
  list.first = parking.next_ready_;
  if (list.first == nullptr) list.last = nullptr;
  return parking;
}

void Reactor::run_timers() {
  const std::int64_t until = current_tick();
  const std::int64_t from = std::max(tick_ + 1, until - kSlots + 1);
  for (std::int64_t tick = from; tick <= until; ++tick) {
    const auto slot = static_cast<std::size_t>(tick % kSlots);
    Timer* timer = wheel_[slot];
    wheel_[slot] = nullptr;
    occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    tick_ = tick;
    while (timer != nullptr) {
      Timer* const next = timer->next_;
      timer->prev_ = timer->next_ = nullptr;
      timer->slot_tick_ = 0;
      if (timer->due_tick_ <= until) {
        timer->due_tick_ = Timer::kNever;
        timer->on_timer();
      } else if (timer->due_tick_ != Timer::kNever) {
        link(*timer);
      }
      timer = next;
    }
  }
  tick_ = until;
}

int Reactor::wait_ms() const noexcept {
  const bool ready = ready_.first != nullptr || yielded_.first != nullptr;
  if (ready || posted_.load(std::memory_order_acquire)) return 0;
  const auto start = static_cast<std::size_t>((tick_ + 1) % kSlots);
  std::int64_t wait = kSleepMsMax;
  for (std::size_t i = 0; i <= occupied_.size(); ++i) {
    const std::size_t word = (start / 64 + i) % occupied_.size();
    std::uint64_t bits = occupied_[word];
    if (i == 0) bits &= ~std::uint64_t{0} << (start % 64);
    if (bits == 0) continue;
    const auto slot = static_cast<std::int64_t>(word * 64) + std::countr_zero(bits);
    const std::int64_t ahead = (slot - static_cast<std::int64_t>(start) + kSlots) % kSlots;
    const std::int64_t at_ns = (tick_ + 1 + ahead) * kTickNs;
    wait = std::min(wait, (at_ns - now_.count()) / 1'000'000 + 1);
    break;
  }
  return static_cast<int>(std::max<std::int64_t>(wait, 0));
}

std::int64_t Reactor::current_tick() const noexcept {
  return now_.count() / kTickNs;
}

void Reactor::link(Timer& timer) noexcept {
  timer.slot_tick_ = std::clamp(timer.due_tick_, tick_ + 1, tick_ + kSlots - 1);
  const auto slot = static_cast<std::size_t>(timer.slot_tick_ % kSlots);
  timer.prev_ = nullptr;
  timer.next_ = wheel_[slot];
  if (timer.next_ != nullptr) timer.next_->prev_ = &timer;
  wheel_[slot] = &timer;
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void Reactor::enqueue(Parking& parking) noexcept {
  List& list = parking.yields_ ? yielded_ : ready_;
  parking.next_ready_ = nullptr;
  parking.round_ = round_;
  (list.last != nullptr ? list.last->next_ready_ : list.first) = &parking;
  list.last = &parking;
}

void Reactor::forget(Parking& parking) noexcept {
  List& list = parking.yields_ ? yielded_ : ready_;
  Parking* before = nullptr;
  for (Parking* at = list.first; at != nullptr; before = at, at = at->next_ready_) {
    if (at != &parking) continue;
    (before == nullptr ? list.first : before->next_ready_) = parking.next_ready_;
    if (list.last == &parking) list.last = before;
    return;
  }
}

}  // namespace cordon::net::internal

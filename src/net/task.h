// The one name for asynchronous work. Other modules include this, not Asio.
#pragma once

// Frames come from malloc's thread cache: Asio's own cache holds two and thrashes on deeper calls.
#ifndef BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING
#define BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING
#endif
#include <boost/asio/awaitable.hpp>

namespace cordon::net {

/// Work that may suspend. Nothing happens until it is awaited or spawned; it runs on the thread
/// of the loop it was spawned on, and only there.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace cordon::net

// Threads that share work.

#pragma once

#if defined(__wasm__)

// A page has one thread, since most hosts allow no more.
class Pool {
  public:
    static constexpr int threads = 1;

    template <class Work>
    void share(int pieces, const Work& work) {
        for (int piece = 0; piece < pieces; ++piece) work(piece);
    }
};

#else

#include <atomic>
#include <thread>
#include <vector>

// Who calls `share` and the pool's workers take pieces of the work, one after the other, until none is left. A worker
// that is not there in time (the processor may be busy with something else) is not waited for, but only one that has
// taken a piece: with a fixed share to each thread, a step on a busy machine took a hundred times as long.
class Pool {
  public:
    const int threads;

    explicit Pool(int threads) : threads(threads) {
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
    }

    ~Pool() {
        ended_ = true;
        wake();
        for (std::thread& worker : workers_) worker.join();
    }

    // Calls work(piece) for each piece from 0 to pieces - 1.
    template <class Work>
    void share(int pieces, const Work& work) {
        work_ = &work;
        call_ = [](const void* of, int piece) { (*static_cast<const Work*>(of))(piece); };
        pieces_ = pieces;
        next_ = 0;
        open_ = true;
        if (asleep_ > 0) wake();
        take();
        open_ = false;  // who enters now finds it closed; who entered before is waited for
        while (inside_ > 0) std::this_thread::yield();
    }

  private:
    static constexpr int LOOKS = 2000;  // for work, a tenth of a millisecond or a few, before a worker sleeps

    void take() {
        for (int piece = next_++; piece < pieces_; piece = next_++) call_(work_, piece);
    }

    void serve() {
        for (int idle = 0; !ended_; ++idle) {
            if (open_ && next_ < pieces_) {
                ++inside_;
                if (open_) take();
                --inside_;
                idle = 0;
            } else if (idle >= LOOKS) {
                const int seen = calls_;
                ++asleep_;
                if (!open_ && !ended_) calls_.wait(seen);
                --asleep_;
                idle = 0;
            } else {
                std::this_thread::yield();
            }
        }
    }

    void wake() {
        ++calls_;
        calls_.notify_all();
    }

    const void* work_ = nullptr;
    void (*call_)(const void*, int) = nullptr;
    std::atomic<int> pieces_{0}, next_{0}, inside_{0}, asleep_{0}, calls_{0};
    std::atomic<bool> open_{false}, ended_{false};
    std::vector<std::thread> workers_;
};

#endif

// Memory: from the C++ library, and in WebAssembly, where there is none, from what stands here.

#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__wasm__)

extern "C" unsigned char __heap_base;  // where the linker has put nothing more

// What is free and what is not lies side by side from __heap_base on, each block behind its own size.
class Heap {
  public:
    // Null where there is no room.
    void* take(size_t wanted) {
        const size_t size = wanted + sizeof(Block) + ALIGNMENT - 1 & ~(ALIGNMENT - 1);
        if (size < wanted) return nullptr;
        Block* block = first();
        for (; block != end_; block = block->next())
            if (block->free && joined(block) >= size) break;
        if (block == end_ && !(block = appended(size))) return nullptr;
        if (block->size - size >= 2 * ALIGNMENT) {
            Block* rest = reinterpret_cast<Block*>(reinterpret_cast<char*>(block) + size);
            rest->size = block->size - size;
            rest->free = true;
            block->size = size;
        }
        block->free = false;
        return block + 1;
    }

    void give_back(void* memory) {
        if (memory) (static_cast<Block*>(memory) - 1)->free = true;
    }

  private:
    static constexpr size_t ALIGNMENT = 64, PAGE = 65536;

    struct alignas(ALIGNMENT) Block {
        size_t size;  // with this
        bool free;

        Block* next() { return reinterpret_cast<Block*>(reinterpret_cast<char*>(this) + size); }
    };

    Block* first() {
        const uintptr_t base = (reinterpret_cast<uintptr_t>(&__heap_base) + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
        if (!end_) end_ = reinterpret_cast<Block*>(base);
        return reinterpret_cast<Block*>(base);
    }

    // The size of a free block and of those behind it that are free too, which become one.
    size_t joined(Block* block) {
        for (Block* next = block->next(); next != end_ && next->free; next = block->next()) block->size += next->size;
        return block->size;
    }

    Block* appended(size_t size) {
        const size_t place = reinterpret_cast<size_t>(end_), there = __builtin_wasm_memory_size(0) * PAGE;
        if (size > SIZE_MAX - PAGE - place) return nullptr;
        if (place + size > there && __builtin_wasm_memory_grow(0, (place + size - there + PAGE - 1) / PAGE) == SIZE_MAX)
            return nullptr;
        Block* block = end_;
        block->size = size;
        end_ = block->next();
        return block;
    }

    Block* end_ = nullptr;
};

inline Heap heap;
inline void* take(size_t bytes) { return heap.take(bytes); }
inline void give_back(void* memory) { heap.give_back(memory); }

#else

#include <cstdlib>

inline void* take(size_t bytes) { return std::malloc(bytes ? bytes : 1); }
inline void give_back(void* memory) { std::free(memory); }

#endif

// Room for so many things, which lasts as long as this does; not set to anything at first.
template <class Thing>
class Room {
  public:
    explicit Room(int64_t count) : things_(static_cast<Thing*>(take(count * sizeof(Thing)))) {
        if (!things_) __builtin_trap();
    }
    ~Room() { give_back(things_); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    operator Thing*() { return things_; }

  private:
    Thing* things_;
};

typedef Room<float> Floats;

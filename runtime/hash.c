/* hash.c - 64-bit fingerprints in four lanes, after the round of xxHash64 (Collet). */
#include "hash.h"
#include <string.h>

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t take(uint64_t lane, uint64_t word)
{
    return turn(lane + word * P2, 31) * P1;
}

uint64_t wh__hash(const void *bytes, size_t size, uint64_t seed)
{
    const unsigned char *at = bytes;
    uint64_t lane[4] = {seed + P1, seed + P2, seed ^ P3, seed - P1}, word[4];
    uint64_t hash = size;
    for (; size >= sizeof word; size -= sizeof word, at += sizeof word) {
        memcpy(word, at, sizeof word);
        for (int i = 0; i < 4; i++)
            lane[i] = take(lane[i], word[i]);
    }
    memset(word, 0, sizeof word);
    if (size)
        memcpy(word, at, size);
    for (int i = 0; i < 4; i++)
        hash = turn(hash ^ take(lane[i], word[i]), 27) * P1 + P3;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

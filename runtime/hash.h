/* hash.h - fingerprints of contents, to know whether something changed. Not for anything that must resist an attacker.
 */
#ifndef WH_HASH_H
#define WH_HASH_H
#include <stddef.h>
#include <stdint.h>

uint64_t wh__hash(const void *bytes, size_t size, uint64_t seed);
#endif

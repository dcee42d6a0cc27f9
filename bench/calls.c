/* calls.c - a field asked many times for a few points each, as a host in C asks: from LuaJIT the way into the library
 * may take ten times as long as the answer. */
#include <stdint.h>

typedef int field_function(const void *session, const char *name, const void *mesh, double seconds, const float *query,
                           uint32_t count, float *out);

int field_calls(field_function *field, const void *session, const char *name, const void *mesh, const float *query,
                uint32_t count, uint32_t calls, float *out);

/* Each call has `count` points of its own. The status that is not 0, or 0. */
int field_calls(field_function *field, const void *session, const char *name, const void *mesh, const float *query,
                uint32_t count, uint32_t calls, float *out)
{
    int status = 0;
    for (uint32_t i = 0; i < calls && status == 0; i++)
        status = field(session, name, mesh, 0, query + 3 * (uint64_t)count * i, count, out);
    return status;
}

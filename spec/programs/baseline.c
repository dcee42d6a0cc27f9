/* baseline.c - what whorl is measured against: hot reload as tutorials for Maya and others teach it. deform() looks at
 * the library's modification time, in whole seconds, and when it changed, closes the library and opens the same path
 * again. There is no lock, no copy, no check. Usage: baseline FOLDER save SAVES: saves FOLDER/plain.c anew with a
 * NUMBER of its own, runs `sh FOLDER/make.sh`, which builds FOLDER/plain.so, and deforms meanwhile. Prints a line for
 * each save: milliseconds until its result, or "lost". baseline FOLDER threads RELOADS: a child process deforms on 8
 * threads while the library is replaced. Prints how many reloads it lived through, and how it ended. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POINTS 20000
#define THREADS 8
#define PATIENCE 1500.0 /* ms from the end of a build until a save counts as lost */

static char folder[512], library[640];
static void *handle;
static void (*run)(float *position, int count);
static time_t loaded_at;
static float points[THREADS][POINTS * 3];

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static void deform(float *position, int count)
{
    struct stat s;
    if (stat(library, &s) == 0 && s.st_mtime != loaded_at) {
        if (handle)
            dlclose(handle);
        handle = dlopen(library, RTLD_NOW);
        run = handle ? (void (*)(float *, int))dlsym(handle, "deform") : NULL;
        loaded_at = s.st_mtime;
    }
    if (run)
        run(position, count);
}

/* ---- saves ---- */

static atomic_int build; /* 0: none, 1: to do, 2: done */
static atomic_bool stop;

static void *builder(void *unused)
{
    char line[640];
    (void)unused;
    snprintf(line, sizeof line, "sh '%s/make.sh'", folder);
    while (!atomic_load(&stop)) {
        if (atomic_load(&build) == 1) {
            if (system(line) != 0)
                exit(2);
            atomic_store(&build, 2);
        }
        pause_ms(1);
    }
    return NULL;
}

static double save(int number)
{
    char path[640], temporary[640];
    snprintf(path, sizeof path, "%s/plain.c", folder);
    snprintf(temporary, sizeof temporary, "%s/plain.c.new", folder);
    FILE *f = fopen(temporary, "w");
    if (!f)
        exit(2);
    fprintf(f,
            "void deform(float *position, int count)\n{\n    for (int i = 0; i < count; i++)\n"
            "        position[3 * i] += %d;\n}\n",
            number);
    fclose(f);
    rename(temporary, path);
    return now_ms();
}

static void follow(int number)
{
    const double start = save(number);
    double built = 0;
    atomic_store(&build, 1);
    for (;;) {
        points[0][0] = 0;
        deform(points[0], POINTS);
        if (points[0][0] == (float)number) {
            printf("result %.3f\n", now_ms() - start);
            return;
        }
        if (built <= 0 && atomic_load(&build) == 2)
            built = now_ms();
        if (built > 0 && now_ms() - built > PATIENCE) {
            printf("lost\n");
            return;
        }
        pause_ms(1);
    }
}

static int measure_saves(int saves)
{
    pthread_t thread;
    pthread_create(&thread, NULL, builder, NULL);
    for (int i = 1; i <= saves; i++) {
        follow(i);
        while (atomic_load(&build) == 1) /* a result may come before the compiler has ended */
            pause_ms(1);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return 0;
}

/* ---- threads ---- */

static void *deform_all_the_time(void *context)
{
    while (true)
        deform(context, POINTS);
    return NULL;
}

/* As a linker does it: the old file goes, a new one is written under its name. The time jumps by a second, so that no
 * reload is lost and nobody has to wait for one. */
static void replace_library(const char *bytes, size_t size, time_t time)
{
    unlink(library);
    FILE *f = fopen(library, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        _exit(2);
    utimensat(AT_FDCWD, library, (const struct timespec[2]){{time, 0}, {time, 0}}, 0);
}

static void reload_all_the_time(atomic_int *reloads, int most)
{
    static char bytes[1 << 20];
    FILE *f = fopen(library, "rb");
    const size_t size = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f)
        fclose(f);
    deform(points[0], POINTS);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, deform_all_the_time, points[i]);
    }
    for (int i = 1; i <= most; i++) {
        replace_library(bytes, size, 1000000000 + i);
        atomic_store(reloads, i);
        pause_ms(20);
    }
    _exit(0);
}

static int measure_threads(int most)
{
    atomic_int *reloads = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        reload_all_the_time(reloads, most);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 2;
    if (WIFSIGNALED(status))
        printf("%d %s\n", atomic_load(reloads), strsignal(WTERMSIG(status)));
    else
        printf("%d ended with %d\n", atomic_load(reloads), WEXITSTATUS(status));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    snprintf(folder, sizeof folder, "%s", argv[1]);
    snprintf(library, sizeof library, "%s/plain.so", folder);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return strcmp(argv[2], "save") == 0 ? measure_saves(atoi(argv[3])) : measure_threads(atoi(argv[3]));
}

#include "tests/bench/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void look_at_memory(pid_t pid, struct usage *u)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            u->pss = strtoll(line + 4, NULL, 10) * 1024;
        else if (strncmp(line, "Rss:", 4) == 0)
            u->rss = strtoll(line + 4, NULL, 10) * 1024;
    fclose(f);
}

/* The times are the 12th and 13th word behind the name, which may hold blanks and brackets. */
static void look_at_cpu(pid_t pid, struct usage *u)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    const char *word = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    for (int i = 0; word && i < 12; i++)
        word = strchr(word + 1, ' ');
    if (word) {
        char *next;
        long long user = strtoll(word, &next, 10);
        u->cpu = (double)(user + strtoll(next, NULL, 10)) / (double)sysconf(_SC_CLK_TCK);
    }
    fclose(f);
}

static pid_t pid_of(const struct options *o, size_t i)
{
    return i < o->process_count ? o->process[i].pid : getpid();
}

static const char *name_of(const struct options *o, size_t i)
{
    return i < o->process_count ? o->process[i].name : "generator";
}

void figures_look(const struct options *o, struct usage *out)
{
    for (size_t i = 0; i <= o->process_count; i++) {
        out[i] = (struct usage){.at = clock_ns()};
        look_at_memory(pid_of(o, i), &out[i]);
        look_at_cpu(pid_of(o, i), &out[i]);
    }
}

void figures_print_memory(const struct options *o, const char *when, const struct usage *before,
                          const struct usage *now, long streams)
{
    for (size_t i = 0; i < o->process_count; i++) {
        printf("memory of=%s when=%s pss_kib=%" PRId64 " rss_kib=%" PRId64, name_of(o, i), when,
               now[i].pss / 1024, now[i].rss / 1024);
        if (streams > 0)
            printf(" bytes_a_stream=%.0f",
                   (double)(now[i].pss - before[i].pss) / (double)streams);
        putchar('\n');
    }
}

void figures_print_cpu(const struct options *o, const char *when, const struct usage *before,
                       const struct usage *now)
{
    for (size_t i = 0; i <= o->process_count; i++) {
        double seconds = (double)(now[i].at - before[i].at) / 1e9;
        double cpu = now[i].cpu - before[i].cpu;
        printf("cpu of=%s when=%s seconds=%.2f cpu_seconds=%.2f percent=%.2f\n", name_of(o, i),
               when, seconds, cpu, seconds > 0 ? 100 * cpu / seconds : 0);
    }
}

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

void figures_print_latency(int32_t *us, size_t count)
{
    if (count == 0)
        return;
    qsort(us, count, sizeof *us, by_value);
    printf("latency min_us=%d p50_us=%d p90_us=%d p99_us=%d max_us=%d samples=%zu\n", us[0],
           us[count / 2], us[count / 10 * 9], us[(size_t)((double)count * 0.99)], us[count - 1],
           count);
}

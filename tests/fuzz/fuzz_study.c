/* fuzz_study.c - study files of arbitrary text: keys, axes and points, or one line that says what is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"
#include "study/keys/points.h"

enum { MAX_POINTS = 200 };

static char path[4096];

static void remove_file(void)
{
    remove(path);
}

static void write_study(const uint8_t *data, size_t n)
{
    const char *base = getenv("TMPDIR");
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "%.4000s/mho-fuzz-%ld.yaml",
                 base                            ? base
                 : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                 : "/tmp",
                 (long)getpid());
        require(atexit(remove_file) == 0);
    }
    remove(path);
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(data, 1, n, file) == n && fclose(file) == 0);
}

/* The text of an accepted study makes the same study again. */
static void check_text(const MhoStudy *study)
{
    MhoStudy again;
    MhoError error = {.text = ""};
    char *text = mho_study_text(study), *second;
    require(text != NULL);
    if (mho_study_from_text(text, "text", &again, &error) != MHO_OK) {
        fprintf(stderr, "%s\n%s\n", error.text, text);
        abort();
    }
    second = mho_study_text(&again);
    require(second != NULL && strcmp(text, second) == 0);
    free(text);
    free(second);
    mho_study_destroy(&again);
}

static void check_points(const MhoStudy *study)
{
    MhoPointList points;
    MhoError error = {.text = ""};
    size_t product = 1;
    for (size_t i = 0; i < study->n_axes; i++)
        product *= study->axes[i].zipped ? 1 : study->axes[i].n;
    if (product > MAX_POINTS) /* takes time, and shows nothing new */
        return;
    if (mho_points_create(study, &points, &error) != MHO_OK) {
        require(error.status == MHO_USAGE && error.text[0] != '\0' && !strchr(error.text, '\n'));
        return;
    }
    require(points.n_points >= 1 && points.n_points <= points.n_combinations);
    for (size_t i = 0; i < points.n_combinations; i++)
        require(points.point_of[i] < points.n_points);
    mho_points_destroy(&points);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoStudy study;
    MhoError error = {.text = ""};
    write_study(data, n);
    if (mho_study_read(path, &study, &error) != MHO_OK) {
        require((error.status == MHO_USAGE || error.status == MHO_INPUT) && strstr(error.text, path) &&
                !strchr(error.text, '\n'));
        return 0;
    }
    check_text(&study);
    check_points(&study);
    mho_study_destroy(&study);
    count_taken();
    return 0;
}

#ifndef MHO_LIBFUZZER
static const char *const seeds[] = {
    "title: one\nmodel: m.h5\nseed: 7\nrepeat: 8\ndata: {name: fashion-mnist, split: test, limit: 1000}\n"
    "chip:\n  cell: {name: pcm, pcm: {drift_scale: 0.5}}\n  time: 86400\n  adc: {uniform: {bits: 8}}\n"
    "sweep:\n  chip.noise: {from: 0, to: 2, n: 5}\n  chip.adc.uniform.bits: [4, 5, 8]\n",
    "train: {net: allconv, stages: \"float:12 2/4:8 fq:2\", batch: 32}\nquant: {weight: {name: uniq}}\n"
    "sweep:\n  train.width: [0.5, 1]\n  seed: \"1:3:1\"\n",
    "sweep:\n  chip.cell.name: [ideal, pcm]\n  chip.time: [1, 3600]\n",
    "sweep:\n  \"noise.weight,noise.activation,noise.sum\": [[0, 0, 0], [0.2, 0.2, 1]]\nchip.cell.name: ideal\n"
    "chip.adc.name: ideal\n",
};

int main(int argc, char **argv)
{
    static const char marks[] = ":-[]{},&*!|>'\"#\n .0159e";
    const Damage damage = {.extremes = marks, .n_extremes = sizeof marks};
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++)
        replay((const uint8_t *)seeds[s], strlen(seeds[s]), damage, 600);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif

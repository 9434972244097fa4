/* eval_report.c - accuracies with their intervals, speed and layers of one evaluation. */
#include "cli/eval_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/graph/bops.h"
#include "study/report/intervals.h"

static double per_second(size_t n_images, double seconds)
{
    return seconds > 0.0 ? (double)n_images / seconds : NAN;
}

void eval_report_network(const Evaluation *at, const char *kind, double accuracy, double loss, size_t n_images,
                         double seconds)
{
    const double speed = per_second(n_images, seconds);
    if (!at->json) {
        char name[MHO_NAME_MAX];
        snprintf(name, sizeof name, "%s network", kind);
        printf("%-18s accuracy %.2f %%  loss %.4f  (%zu images, %.0f images/s)\n", name, 100.0 * accuracy, loss,
               n_images, speed);
        return;
    }
    mho_json_object(at->json, kind);
    mho_json_real(at->json, "accuracy", accuracy);
    mho_json_real(at->json, "loss", loss);
    mho_json_int(at->json, "images", (int64_t)n_images);
    mho_json_real(at->json, "images_per_second", speed);
    mho_json_end(at->json);
}

/* ---- chips ---- */

/* The chip, or the noise, that was run. */
static void print_condition(const Evaluation *at)
{
    const MhoSettings *settings = at->study.settings;
    const MhoChipModels *models = mho_settings_chip_models(settings);
    const MhoNoiseParams *on_codes = mho_settings_noise(settings);
    if (at->setup.is_noisy) {
        printf("  (weights %g LSB%s, activations %g LSB, sums %g LSB; no cells, no converter)\n", on_codes->weight,
               on_codes->weight == 0.0                      ? ""
               : on_codes->draw == MHO_CODE_NOISE_PER_IMAGE ? ", new for every image"
                                                            : ", one draw per chip",
               on_codes->activation, on_codes->sum);
        return;
    }
    char time[MHO_TEXT_MAX], noise[MHO_TEXT_MAX];
    mho_settings_format(settings, "chip.time", time, sizeof time);
    mho_settings_format(settings, "chip.noise", noise, sizeof noise);
    printf("  (cell %s, ADC %s, noise %s, time %s s)\n", models->cell, models->adc, noise, time);
}

static void print_chips(const Evaluation *at, MhoInterval interval, double speed)
{
    const uint32_t n_chips = at->setup.n_chips;
    printf("%-18s accuracy %.2f %%", at->setup.is_noisy ? "noise on codes" : "chip", 100.0 * interval.mean);
    if (n_chips > 1)
        printf("  95 %% interval %.2f to %.2f %% over %u chips", 100.0 * interval.low, 100.0 * interval.high, n_chips);
    print_condition(at);
    printf("%-18s %.0f images/s with %d %s, %s included\n", "", speed, at->options->threads,
           at->options->threads == 1 ? "thread" : "threads",
           at->setup.is_noisy ? "drawing noise" : "programming and measuring layers");
}

/* Keys that are not at their defaults, and the chip's main ones. */
static void write_settings(const Evaluation *at)
{
    static const char *const always[] = {"chip.cell.name", "chip.adc.name", "chip.noise", "chip.time"};
    MhoSettingsKey key = {0};
    mho_json_object(at->json, "settings");
    while (mho_settings_next(at->study.settings, &key)) {
        bool shown = !mho_settings_is_default(at->study.settings, &key);
        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
            shown = shown || strcmp(key.name, always[i]) == 0;
        if (!shown)
            continue;
        char value[MHO_TEXT_MAX];
        mho_settings_format(at->study.settings, key.name, value, sizeof value);
        mho_json_text(at->json, key.name, value);
    }
    mho_json_end(at->json);
}

void eval_report_chips(const Evaluation *at, const double *accuracy, double seconds)
{
    const uint32_t n_chips = at->setup.n_chips;
    const MhoInterval interval = mho_accuracy_interval(accuracy, n_chips, 0.95);
    const double speed = per_second(n_chips * at->setup.images->n, seconds);
    if (!at->json) {
        print_chips(at, interval, speed);
        return;
    }
    mho_json_object(at->json, at->setup.is_noisy ? "noise_on_codes" : "chip");
    mho_json_real(at->json, "accuracy", interval.mean);
    mho_json_real(at->json, "accuracy_low", interval.low);
    mho_json_real(at->json, "accuracy_high", interval.high);
    mho_json_array(at->json, "accuracy_per_chip");
    for (uint32_t chip = 0; chip < n_chips; chip++)
        mho_json_real(at->json, NULL, accuracy[chip]);
    mho_json_end(at->json);
    mho_json_real(at->json, "images_per_second", speed);
    mho_json_int(at->json, "threads", at->options->threads);
    mho_json_end(at->json);
    write_settings(at);
}

/* ---- layers ---- */

/* Decibels for people; the payload keeps the plain ratio. */
static double decibel(double signal, double noise)
{
    if (signal <= 0.0) /* nothing was measured, or all sums are zero */
        return NAN;
    return noise > 0.0 ? 10.0 * log10(signal / noise) : INFINITY;
}

/* Bits of a layer's converters; 0: they are ideal. */
static int adc_bits(const MhoPointSetup *setup, const MhoMatrix *matrix)
{
    const MhoAdcModel *adc = setup->config.adc;
    if (!adc->set_bits)
        return 0;
    return matrix->adc_bits ? matrix->adc_bits : adc->bits(setup->config.adc_params);
}

typedef struct LayerLine {
    const MhoMatrix *matrix;
    MhoLayerPlan plan;
    MhoBopsLayer bits;
    int adc_bits;
    double snr_db, clipped, bops; /* clipped: fraction of conversions */
} LayerLine;

static void print_layer(const LayerLine *line)
{
    char adc[16] = "-";
    if (line->adc_bits)
        snprintf(adc, sizeof adc, "%d", line->adc_bits);
    printf("%-16s %3.0f %3.0f %3s %6zu %6zu %6zu %6zu %9zu %12llu %10.4g %8.1f %7.3f%% %8.3f\n", line->matrix->name,
           line->bits.weight_bits, line->bits.activation_bits, adc, line->matrix->rows + line->plan.shift_rows,
           line->matrix->cols, line->matrix->groups, line->plan.row_tiles * line->plan.col_tiles, line->plan.devices,
           (unsigned long long)line->plan.conversions, (double)line->plan.step, line->snr_db, 100.0 * line->clipped,
           1e-6 * line->bops);
}

static void write_layer(MhoJson *json, const LayerLine *line)
{
    mho_json_object(json, NULL);
    mho_json_text(json, "name", line->matrix->name);
    mho_json_real(json, "weight_bits", line->bits.weight_bits);
    mho_json_real(json, "activation_bits", line->bits.activation_bits);
    if (line->adc_bits)
        mho_json_int(json, "adc_bits", line->adc_bits);
    else
        mho_json_null(json, "adc_bits");
    mho_json_int(json, "rows", (int64_t)(line->matrix->rows + line->plan.shift_rows));
    mho_json_int(json, "columns", (int64_t)line->matrix->cols);
    mho_json_int(json, "groups", (int64_t)line->matrix->groups);
    mho_json_int(json, "tiles", (int64_t)(line->plan.row_tiles * line->plan.col_tiles));
    mho_json_int(json, "cells", (int64_t)line->plan.devices);
    mho_json_int(json, "conversions_per_image", (int64_t)line->plan.conversions);
    mho_json_real(json, "adc_step", (double)line->plan.step);
    mho_json_real(json, "snr_db", line->snr_db);
    mho_json_real(json, "clipped", line->clipped);
    mho_json_real(json, "bit_operations_per_image", line->bops);
    mho_json_end(json);
}

static MhoStatus report_layer(const Evaluation *at, size_t l, const MhoLayerMeter *meter, double *bops, MhoError *error)
{
    const MhoMatrix *matrix = &at->setup.lowered->matrices[l];
    LayerLine line = {.matrix = matrix,
                      .plan = mho_plan_layer(at->setup.plan, l),
                      .adc_bits = adc_bits(&at->setup, matrix),
                      .snr_db = decibel(meter->signal, meter->noise),
                      .clipped = meter->conversions ? (double)meter->clipped / (double)meter->conversions : 0.0};
    MhoStatus status = mho_net_bops_layer(at->setup.net, mho_net_find(at->setup.net, matrix->name), &line.bits, error);
    if (status != MHO_OK)
        return status;
    *bops += line.bops = mho_bops_layer(line.bits);
    if (at->json)
        write_layer(at->json, &line);
    else
        print_layer(&line);
    return MHO_OK;
}

MhoStatus eval_report_layers(const Evaluation *at, const MhoTrial *trial, MhoError *error)
{
    double bops = 0.0;
    MhoStatus status = MHO_OK;
    if (at->json)
        mho_json_array(at->json, "layers");
    else
        printf("%-16s %3s %3s %3s %6s %6s %6s %6s %9s %12s %10s %8s %8s %8s\n", "layer", "W", "A", "ADC", "rows",
               "cols", "groups", "tiles", "cells", "conversions", "ADC step", "SNR dB", "clipped", "MBOPs");
    for (size_t l = 0; l < at->setup.lowered->n_matrices && status == MHO_OK; l++)
        status = report_layer(at, l, &trial->layers[l].meter, &bops, error);
    if (at->json) {
        mho_json_end(at->json);
        mho_json_real(at->json, "bit_operations_per_image", bops);
    } else if (status == MHO_OK) {
        printf(
            "W, A, ADC: bits of weights, of the codes that a layer reads, and of its converters. Conversions are per "
            "image,\n"
            "ADC steps in accumulator units, SNR and clipped conversions those of chip 0.\n"
            "bit operations per image: %.4g million\n",
            1e-6 * bops);
    }
    return status;
}

void eval_report_file(const Evaluation *at, const char *key, const char *path, const char *text)
{
    if (at->json)
        mho_json_text(at->json, key, path);
    else
        printf("%s: %s\n", path, text);
}

/* test_switches_train.c - what every key of training does.
 *
 * One epoch of one batch is one step from known weights, so its loss and its change of the weights have closed forms.
 * That noise in a pass has the sigma that is set is shown in tests/gradients/test_pass.c; here, that the keys reach
 * it.
 */
#include <omp.h>

#include "numbers.h"
#include "switches.h"
#include "tiny.h"
#include "train_effects.h"

void open_sample(Sample *sample, const MhoTrainParams *train)
{
    sample_open(sample);
    sample->train = *train;
}

size_t history(const Sample *sample, const char *column, double *values)
{
    const MhoRecord *last = sample->checkpoints[sample->n_checkpoints - 1];
    const MhoArray *array = mho_record_array(mho_record_find(last, "history"), column);
    const size_t n = mho_array_count(array);
    memcpy(values, array->data, n * sizeof *values);
    return n;
}

static double first_loss(const MhoTrainParams *train)
{
    double loss[SAMPLE_MAX_CHECKPOINTS];
    Sample sample;
    open_sample(&sample, train);
    must(sample_run(&sample), &sample.error);
    (void)history(&sample, "loss", loss);
    sample_close(&sample);
    return loss[0];
}

static double rate_after(const void *train, size_t epochs)
{
    double rate[SAMPLE_MAX_CHECKPOINTS];
    Sample sample;
    open_sample(&sample, train);
    must(sample_run(&sample), &sample.error);
    ck_assert_uint_ge(history(&sample, "learning_rate", rate), epochs);
    sample_close(&sample);
    return rate[epochs - 1];
}

/* loss and its step -------------------------------------------------------------------------------------------------
 */

double loss_formula(const MhoTrainParams *train, const float *logits, const float *teacher, const uint8_t *labels)
{
    const double T = train->distill_temperature, w = train->distill, e = train->label_smoothing;
    double sum = 0.0;
    for (size_t i = 0; i < SAMPLE_TRAINING; i++) {
        const float *z = logits + i * SAMPLE_CLASSES, *t = teacher + i * SAMPLE_CLASSES;
        double whole = 0.0, whole_T = 0.0, whole_t = 0.0;
        for (size_t k = 0; k < SAMPLE_CLASSES; k++) {
            whole += exp((double)z[k]);
            whole_T += exp((double)z[k] / T);
            whole_t += exp((double)t[k] / T);
        }
        for (size_t k = 0; k < SAMPLE_CLASSES; k++) {
            const double q = (k == labels[i] ? 1.0 - e : 0.0) + e / SAMPLE_CLASSES, p = exp((double)t[k] / T) / whole_t;
            sum -= (1.0 - w) * q * ((double)z[k] - log(whole));
            sum += w * T * T * p * (log(p) - (double)z[k] / T + log(whole_T));
        }
    }
    return sum / SAMPLE_TRAINING;
}

/* Loss of the first step of stage 4/4 with a float teacher, from passes made by hand. */
static double promised_loss(const MhoTrainParams *train)
{
    static float logits[SAMPLE_TRAINING * SAMPLE_CLASSES], soft[SAMPLE_TRAINING * SAMPLE_CLASSES];
    Sample sample;
    MhoBatches batches;
    MhoFakeQuant *pass, *teacher_pass;
    open_sample(&sample, train);
    MhoError *error = &sample.error;
    MhoNet *teacher = sample_net_of(&sample, train->stages, 0), *net = sample_net_of(&sample, train->stages, 1);
    const MhoFakeQuantNoise noise = {.weight = train->noise_weight,
                                     .activation = train->noise_activation,
                                     .sum = train->noise_sum,
                                     .seed = sample.input.seed};
    must(mho_batches_create(&sample.input, &batches, error), error);
    mho_batches_shuffle(&batches, 0);
    mho_batches_fill(&batches, 0);
    must(mho_fakequant_create(teacher, SAMPLE_TRAINING, false, &teacher_pass, error), error);
    must(mho_fakequant_create(net, SAMPLE_TRAINING, true, &pass, error), error);
    mho_fakequant_set_noise(pass, &noise);
    must(mho_fakequant_forward(teacher_pass, batches.images, false, soft, error), error);
    must(mho_fakequant_forward(pass, batches.images, true, logits, error), error);
    const double loss = loss_formula(train, logits, soft, batches.labels);
    mho_fakequant_destroy(pass);
    mho_fakequant_destroy(teacher_pass);
    mho_batches_destroy(&batches);
    mho_net_destroy(teacher);
    mho_net_destroy(net);
    sample_close(&sample);
    return loss;
}

static bool loss_is(const void *params, const MhoTrainParams *promised)
{
    return is_close(first_loss(params), promised_loss(promised), 1e-5);
}

static bool smooths(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.label_smoothing = on;
    return loss_is(params, &promised);
}

static bool distills(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.distill = on;
    return loss_is(params, &promised);
}

static bool softens(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.distill_temperature = on;
    return loss_is(params, &promised);
}

static bool disturbs_weights(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.noise_weight = on;
    return loss_is(params, &promised);
}

static bool disturbs_activations(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.noise_activation = on;
    return loss_is(params, &promised);
}

static bool disturbs_sums(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams promised = *(const MhoTrainParams *)params;
    (void)model;
    promised.noise_sum = on;
    return loss_is(params, &promised);
}

size_t weights_after(const MhoTrainParams *train, double *weights)
{
    Sample sample;
    open_sample(&sample, train);
    must(sample_run(&sample), &sample.error);
    const MhoNodeArray *array = mho_node_array(&sample.net->nodes[mho_net_find(sample.net, "conv1")], MHO_ARRAY_WEIGHT);
    const size_t n = array->n;
    ck_assert_uint_le(n, MAX_WEIGHTS);
    for (size_t i = 0; i < n; i++) {
        weights[i] = (double)array->value[i];
    }
    sample_close(&sample);
    return n;
}

/* Whether weights move from where rate 0 leaves them by gain * (their movement under `other`) - shrink * themselves. */
static bool moves_like(const void *params, const MhoTrainParams *other, double gain, double shrink)
{
    static double start[MAX_WEIGHTS], given[MAX_WEIGHTS], reference[MAX_WEIGHTS];
    MhoTrainParams still = *other;
    double error = 0.0, size = 0.0;
    still.learning_rate = still.quant_learning_rate = 0.0;
    const size_t n = weights_after(&still, start);
    ck_assert_uint_eq(weights_after(params, given), n);
    ck_assert_uint_eq(weights_after(other, reference), n);
    for (size_t i = 0; i < n; i++) {
        const double wanted = gain * (reference[i] - start[i]) - shrink * start[i];
        error += pow(given[i] - start[i] - wanted, 2.0);
        size += wanted * wanted;
    }
    return size > 0.0 && error < 1e-6 * size;
}

/* One step is proportional to the rate. */
static bool steps_by_rate(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams other = *(const MhoTrainParams *)params;
    (void)model;
    other.learning_rate = 0.02;
    return moves_like(params, &other, on / 0.02, 0.0);
}

static bool steps_by_quant_rate(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams other = *(const MhoTrainParams *)params;
    (void)model;
    other.quant_learning_rate = 0.02;
    return moves_like(params, &other, on / 0.02, 0.0);
}

/* Nesterov's first step is 1 + m times the plain one. */
static bool accelerates(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams other = *(const MhoTrainParams *)params;
    (void)model;
    other.momentum = 0.0;
    return moves_like(params, &other, 1.0 + on, 0.0);
}

/* rate (1 + m) d w more. */
static bool decays(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams other = *(const MhoTrainParams *)params;
    (void)model;
    other.weight_decay = 0.0;
    return moves_like(params, &other, 1.0, other.learning_rate * (1.0 + other.momentum) * on);
}

/* schedule ----------------------------------------------------------------------------------------------------------
 */

/* After half of two epochs: (1 + cos(pi / 2)) / 2, one step down, or as it was. */
static bool schedules(const MhoDescriptor *model, const void *params, double on)
{
    const MhoTrainParams *train = params;
    const double factors[] = {
        [MHO_SCHEDULE_COSINE] = 0.5, [MHO_SCHEDULE_STEP] = train->step_factor, [MHO_SCHEDULE_CONSTANT] = 1.0};
    (void)model;
    return is_close(rate_after(params, 1), train->learning_rate * factors[(int)on], 1e-9);
}

static bool warms_up(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return is_close(rate_after(params, 1), ((const MhoTrainParams *)params)->learning_rate / on, 1e-9);
}

static bool steps_every(const MhoDescriptor *model, const void *params, double on)
{
    const MhoTrainParams *train = params;
    (void)model;
    return is_close(rate_after(params, 3), train->learning_rate * pow(train->step_factor, floor(3.0 / on)), 1e-9);
}

static bool steps_down_by(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return is_close(rate_after(params, 2), ((const MhoTrainParams *)params)->learning_rate * on * on, 1e-9);
}

/* images ------------------------------------------------------------------------------------------------------------
 */

static bool cuts_batches(const MhoDescriptor *model, const void *params, double on)
{
    Sample sample;
    MhoBatches batches;
    (void)model;
    open_sample(&sample, params);
    must(mho_batches_create(&sample.input, &batches, &sample.error), &sample.error);
    mho_batches_shuffle(&batches, 0);
    mho_batches_fill(&batches, batches.n_batches - 1); /* the last one is whole too */
    const bool holds = batches.batch == (size_t)on && batches.n_batches == (size_t)(SAMPLE_TRAINING / on);
    mho_batches_destroy(&batches);
    sample_close(&sample);
    return holds;
}

/* Whether out is the image, mirrored or not, moved by this much, with code 0 where nothing was. */
static bool is_moved(const uint8_t *image, const uint8_t *out, int move_y, int move_x, bool mirrored)
{
    for (int y = 0; y < SAMPLE_SIDE; y++) {
        for (int x = 0; x < SAMPLE_SIDE; x++) {
            const int from_y = y - move_y, from_x = (mirrored ? SAMPLE_SIDE - 1 - x : x) - move_x;
            const bool inside = from_y >= 0 && from_y < SAMPLE_SIDE && from_x >= 0 && from_x < SAMPLE_SIDE;
            if (out[y * SAMPLE_SIDE + x] != (inside ? image[from_y * SAMPLE_SIDE + from_x] : 0)) {
                return false;
            }
        }
    }
    return true;
}

/* Largest move of an image in a batch of all of them, and how many are mirrored. */
static void look_at_batch(const void *params, int *largest, int *n_mirrored)
{
    enum { FARTHEST = 3 };
    Sample sample;
    MhoBatches batches;
    open_sample(&sample, params);
    must(mho_batches_create(&sample.input, &batches, &sample.error), &sample.error);
    mho_batches_shuffle(&batches, 0);
    mho_batches_fill(&batches, 0);
    *largest = *n_mirrored = 0;
    for (size_t i = 0; i < SAMPLE_TRAINING; i++) {
        const uint8_t *image = sample.training.images + batches.order[i] * SAMPLE_SIDE * SAMPLE_SIDE;
        int n_found = 0;
        for (int at = 0; at < 2 * (2 * FARTHEST + 1) * (2 * FARTHEST + 1); at++) {
            const int y = at / 2 / (2 * FARTHEST + 1) - FARTHEST, x = at / 2 % (2 * FARTHEST + 1) - FARTHEST;
            if (is_moved(image, batches.images + i * SAMPLE_SIDE * SAMPLE_SIDE, y, x, at % 2 == 1)) {
                const int move = abs(y) > abs(x) ? abs(y) : abs(x);
                *largest = move > *largest ? move : *largest;
                *n_mirrored += at % 2;
                n_found++;
            }
        }
        ck_assert_int_eq(n_found, 1);
    }
    mho_batches_destroy(&batches);
    sample_close(&sample);
}

/* The farthest of 100 moves, each coordinate of -crop..crop, is crop. */
static bool crops(const MhoDescriptor *model, const void *params, double on)
{
    int largest, n_mirrored;
    (void)model;
    look_at_batch(params, &largest, &n_mirrored);
    return largest == (int)on && n_mirrored == 0;
}

/* Half of 100 within 4 sigma. */
static bool flips(const MhoDescriptor *model, const void *params, double on)
{
    int largest, n_mirrored;
    (void)model, (void)on;
    look_at_batch(params, &largest, &n_mirrored);
    return largest == 0 && abs(n_mirrored - SAMPLE_TRAINING / 2) <= 20;
}

static bool splits(const void *params, size_t n_validation, size_t all)
{
    MhoSettings *settings = tiny_settings();
    MhoDataset kept, left;
    MhoError error = {0};
    tiny_put(settings, "train.", &mho_train_descriptor, params);
    must(mho_study_training(settings, NULL, &kept, &left, &error), &error);
    const bool holds = left.n == n_validation && kept.n == all - n_validation;
    mho_dataset_destroy(&kept);
    mho_dataset_destroy(&left);
    mho_settings_destroy(settings);
    return holds;
}

static bool holds_out(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return splits(params, (size_t)on, TINY_TRAIN);
}

static bool limits(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return splits(params, (size_t)((const MhoTrainParams *)params)->validation, (size_t)on);
}

/* nets and stages ---------------------------------------------------------------------------------------------------
 */

/* ResNet-20 has nine residual sums. */
static bool builds_resnet(const MhoDescriptor *model, const void *params, double on)
{
    Sample sample;
    size_t n_adds = 0;
    (void)model, (void)on;
    open_sample(&sample, params);
    MhoNet *net = sample_net_of(&sample, "float:0", 0);
    for (size_t i = 0; i < net->n_nodes; i++) {
        n_adds += mho_node_is(&net->nodes[i], &mho_layer_add);
    }
    mho_net_destroy(net);
    sample_close(&sample);
    return n_adds == 9;
}

static int channels_of(const MhoTrainParams *train)
{
    Sample sample;
    open_sample(&sample, train);
    MhoNet *net = sample_net_of(&sample, "float:0", 0);
    const int channels = net->nodes[mho_net_find(net, "conv1")].shape.c;
    mho_net_destroy(net);
    sample_close(&sample);
    return channels;
}

static bool widens(const MhoDescriptor *model, const void *params, double on)
{
    MhoTrainParams plain = *(const MhoTrainParams *)params;
    (void)model;
    plain.width = 1.0;
    return channels_of(params) == (int)(on * channels_of(&plain) + 0.5);
}

static bool climbs_down(const MhoDescriptor *model, const void *params, double on)
{
    static const char *const wanted[] = {"float", "4/4", "4/4", "fq 2/4"};
    Sample sample;
    bool holds;
    (void)model, (void)on;
    open_sample(&sample, params);
    must(sample_run(&sample), &sample.error);
    const MhoArray *stage = mho_record_array(sample.checkpoints[sample.n_checkpoints - 1], "history/stage");
    holds = sample.n_checkpoints == 4 && mho_net_is_quantized(sample.net) && !mho_net_has_batchnorm(sample.net);
    for (size_t i = 0; i < 4 && holds; i++) {
        holds = strcmp(((char **)stage->data)[i], wanted[i]) == 0;
    }
    sample_close(&sample);
    return holds;
}

/* One step from the start of a stage. */
#define STEP       "width=0.25;batch=100;warmup=0;schedule=constant;learning_rate=0.05;quant_learning_rate=0.05;"
#define FLOAT_STEP STEP "stages=float:1"
#define QUANT_STEP STEP "stages=float:0 4/4:1"
#define EPOCHS     STEP "stages=float:4"
#define CHIP_STEP  STEP "distill=0;stages=float:0 4/4:0 chip:1"
#define TURNS      "width=0.25;batch=10;stages=float:0 4/4:1"

static const Switch switches[] = {
    {"train", "net", "resnet20", "allconv", builds_resnet, "width=0.1"},
    {"train", "width", "0.5", "0.25", widens, NULL},
    {"train", "stages", "float:1 4/4:2 fq 2/4:1", "float:4", climbs_down, STEP},
    {"train", "batch", "30", "50", cuts_batches, NULL},
    {"train", "learning_rate", "0.1", "0.05", steps_by_rate, FLOAT_STEP},
    {"train", "quant_learning_rate", "0.1", "0.05", steps_by_quant_rate, QUANT_STEP},
    {"train", "momentum", "0.8", "0", accelerates, FLOAT_STEP},
    {"train", "weight_decay", "0.1", "0", decays, FLOAT_STEP},
    {"train", "label_smoothing", "0.2", "0", smooths, QUANT_STEP},
    {"train", "schedule", "cosine", "constant", schedules, STEP "stages=float:2"},
    {"train", "schedule", "step", "cosine", schedules, STEP "stages=float:2;step_epochs=1"},
    {"train", "schedule", "constant", "step", schedules, STEP "stages=float:2;step_epochs=1"},
    {"train", "warmup", "3", "0", warms_up, EPOCHS},
    {"train", "step_epochs", "1", "2", steps_every, EPOCHS ";schedule=step"},
    {"train", "step_factor", "0.5", "0.1", steps_down_by, EPOCHS ";schedule=step;step_epochs=1"},
    {"train", "crop", "2", "1", crops, STEP},
    {"train", "flip", "true", "false", flips, STEP},
    {"train", "distill", "0.7", "0", distills, QUANT_STEP},
    {"train", "distill_temperature", "4", "1", softens, QUANT_STEP ";distill=1"},
    {"train", "noise.weight", "0.5", "0", disturbs_weights, QUANT_STEP},
    {"train", "noise.activation", "0.5", "0", disturbs_activations, QUANT_STEP},
    {"train", "noise.sum", "1", "0", disturbs_sums, QUANT_STEP},
    {"train", "validation", "20", "10", holds_out, NULL},
    {"train", "limit", "30", "0", limits, "validation=10"},
    {"train", "gradual.layers", "1", "0", takes_turns, TURNS},
    {"train", "gradual.layers", "2", "1", takes_turns, TURNS},
    {"train", "gradual.noise", "false", "true", learns_by_codes, TURNS},
    {"train", "patience", "2", "0", loses_patience, STEP "stages=float:1 4/4:1 fq:6@0.0000000001"},
    {"train", "gradient_clip", "0.25", "0", clips_gradients, FLOAT_STEP ";momentum=0;weight_decay=0"},
    {"train", "weight_clip", "1", "0", clips_weights, STEP "stages=float:1;learning_rate=0"},
    {"train", "validation_chips", "3", "1", is_judged_on, STEP "stages=float:1 4/4:1 chip:1"},
    {"train", "chip_curriculum", "fixed", "spread", ages, CHIP_STEP},
    {"train", "chip_curriculum", "spread", "growing", ages, CHIP_STEP},
    {"train", "chip_curriculum", "growing", "fixed", ages, CHIP_STEP},
};

static const MhoDescriptor *const tables[] = {&mho_train_descriptor, NULL};
const SwitchBook book = {.rows = switches, .n_rows = sizeof switches / sizeof *switches, .tables = tables};

int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    omp_set_num_threads(1); /* many small passes: waking threads would take longer than the work */
    const int code = tiny_enter() ? test_run() : 1;

    tiny_leave();
    return code;
}

/* test_chip_ranges.c - ranges of converters: what clipping does to gradients, where ranges start and where they are
 * kept, and accuracy on chips. */
#include <math.h>
#include <stdlib.h>

#include "chip_bench.h"
#include "kernels/math.h"
#include "must.h"
#include "net/graph/requant.h"
#include "numbers.h"
#include "train/train.h"
#include "net/lowered/net_on_chip.h"
#include "support/run_once.h"

enum { OUTPUTS = CHIP_BATCH * CHIP_CLASSES, TILE = DENSE_ROWS / 2, LARGEST = 15 };

/* The dense net on two row tiles of ideal cells with 5-bit converters of this range. */
static void open_clipping(ChipBench *bench, double range)
{
    chip_open(bench, CHIP_DENSE, "ideal", "uniform");
    array_adc(&bench->arrays, "bits", 5);
    bench->arrays.config.chip.rows = TILE;
    mho_node_array(chip_node(bench, "logits"), MHO_ARRAY_ADC_LOG_RANGE)->value[0] = (float)log(range);
}

static float range_gradient(const ChipBench *bench)
{
    const MhoNode *node = chip_node(bench, "logits");
    for (size_t a = 0; a < node->n_arrays; a++)
        if (strcmp(node->arrays[a].name, "adc_log_range") == 0)
            return *mho_fakequant_gradient(bench->pass, (size_t)(node - bench->net->nodes), a);
    ck_abort_msg("no gradient of a range");
    return 0.0F;
}

/* Written down from the codes: sums of outputs, share of their conversions that clipped, codes that those returned. */
typedef struct Expected {
    float sums[OUTPUTS];
    double share[OUTPUTS], limits[OUTPUTS], step;
} Expected;

static Expected expect(const ChipBench *bench)
{
    const double range = mho_exp((double)*mho_node_values(chip_node(bench, "logits"), MHO_ARRAY_ADC_LOG_RANGE));
    int16_t codes[CHIP_CLASSES * DENSE_ROWS];
    MhoError error = {0};
    Expected e = {0};
    must(mho_net_weight_codes(bench->net, mho_net_find(bench->net, "logits"), codes, NULL, &error), &error);
    const float step = (float)fmax(1.0, range / LARGEST);
    for (int i = 0; i < OUTPUTS; i++) {
        int total = 0;
        for (int t = 0; t < 2; t++) {
            int sum = 0;
            for (int r = t * TILE; r < (t + 1) * TILE; r++)
                sum += codes[i % CHIP_CLASSES * DENSE_ROWS + r] * bench->images[i / CHIP_CLASSES * DENSE_ROWS + r];
            const int code = (int)rintf((float)sum * (1.0F / step));
            const int kept = code > LARGEST ? LARGEST : code < -LARGEST ? -LARGEST : code;

            total += kept;
            e.share[i] += code == kept ? 0.0 : 0.5;
            e.limits[i] += code == kept ? 0.0 : kept;
        }
        e.sums[i] = (float)total * step;
    }
    e.step = (double)step;
    return e;
}

/* Value of one unit of the classifier's sums. */
static double unit_of(const ChipBench *bench)
{
    float a[CHIP_CLASSES], b[CHIP_CLASSES];
    MhoRequant requant;
    MhoError error = {0};
    must(mho_net_requant(bench->net, mho_net_find(bench->net, "logits"), a, b, &requant, &error), &error);
    return (double)a[0];
}

/* Clipped sums pass the unclipped part of their gradient, and the range has the gradient of the formula. */
TEST(clipping_masks_gradients)
{
    const double shares[] = {0.0, 0.5, 1.0};
    int met[3] = {0};
    double pull = 0.0;
    size_t n, n_masked;
    ChipBench bench;
    open_clipping(&bench, 1500.0);
    chip_step(&bench, 0);
    const Expected e = expect(&bench);
    ck_assert(memcmp(chip_sums(&bench, "logits", &n), e.sums, sizeof e.sums) == 0);
    const double found = (double)range_gradient(&bench);
    float *gradients = chip_gradients(&bench, &n);
    for (int i = 0; i < OUTPUTS; i++) {
        for (int k = 0; k < 3; k++)
            met[k] += e.share[i] == shares[k];
        pull += (double)bench.d_logits[i] * unit_of(&bench) * e.limits[i] * e.step;
        bench.d_logits[i] *= (float)(1.0 - e.share[i]);
    }
    ck_assert(met[0] > 0 && met[1] > 0 && met[2] > 0);
    ck_assert(fabs(pull) > 0.0 && is_close(found, pull / sqrt((double)OUTPUTS * LARGEST), 1e-5));
    chip_step(&bench, -1); /* the clean gradient of what is left */
    float *masked = chip_gradients(&bench, &n_masked);
    ck_assert(n == n_masked && range_gradient(&bench) == 0.0F);
    ck_assert(memcmp(gradients, masked, (n - 1) * sizeof *masked) == 0); /* the range's is the last */
    free(gradients);
    free(masked);
    chip_close(&bench);
}

/* A loss that wants a sum that clips above larger (d < 0) asks for a larger range, and the other way round. */
TEST(ranges_move_to_lower_the_loss)
{
    ChipBench bench;
    int above = -1;
    open_clipping(&bench, 1500.0);
    const Expected e = expect(&bench);
    for (int i = 0; i < OUTPUTS; i++)
        above = e.limits[i] == 2.0 * LARGEST ? i : above;
    ck_assert_int_ge(above, 0);
    memset(bench.d_logits, 0, sizeof bench.d_logits);
    bench.d_logits[above] = -1.0F;
    chip_step(&bench, 0);
    ck_assert(range_gradient(&bench) < 0.0F);
    bench.d_logits[above] = 1.0F;
    chip_step(&bench, 0);
    ck_assert(range_gradient(&bench) > 0.0F);
    bench.arrays.config.chip.range = MHO_RANGE_CALIBRATED; /* held */
    bench.arrays.config.chip.calibrate = MHO_CALIBRATE_STATE;
    chip_step(&bench, 0);
    ck_assert(memcmp(mho_fakequant_output(bench.pass, 1), e.sums, sizeof e.sums) == 0 &&
              range_gradient(&bench) == 0.0F);
    bench.arrays.config.chip.range = MHO_RANGE_LEARNED;
    bench.arrays.config.chip.calibrate = MHO_CALIBRATE_IDEAL;
    mho_node_array(chip_node(&bench, "logits"), MHO_ARRAY_ADC_LOG_RANGE)->value[0] =
        0.0F; /* the step is one unit at least */
    chip_step(&bench, 0);
    ck_assert(range_gradient(&bench) == 0.0F);
    bench.d_logits[above] = -1.0F;
    chip_step(&bench, 0);
    ck_assert(range_gradient(&bench) < 0.0F);
    chip_close(&bench);
}

/* Ranges of the calibrated plan, by each layer's own bits; all else as it was, batch norm too. */
TEST_LOOP(ranges_start_where_calibration_puts_them, 0, CHIP_NETS)
{
    uint8_t *images;
    MhoNet *net = chip_net(_i, &images), *made, *kept;
    MhoLoweredNet *program;
    MhoNetOnChip *on_chip;
    MhoError error = {0};
    ArrayBench arrays;
    array_open(&arrays, "pcm", "uniform");
    arrays.config.chip.range = MHO_RANGE_CALIBRATED;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]) && i % 2 == 0)
            ((MhoConvSettings *)(void *)net->nodes[i].settings)->adc_bits = 4;
    must(mho_lowered_net_create(net, &program, &error), &error);
    must(plan_net(program, &arrays.config, images, CHIP_CALIBRATION, 1, &on_chip, &error), &error);
    arrays.config.chip.range = MHO_RANGE_UNIT; /* does not matter */
    must(mho_net_calibrate_adc_ranges(net, &arrays.config, images, CHIP_CALIBRATION, 2, &made, &error), &error);
    for (size_t m = 0; m < program->n_matrices; m++) {
        const MhoNode *node = &made->nodes[mho_net_find(made, program->matrices[m].name)];
        const double largest = mho_node_conv(node)->adc_bits == 4 ? 7.0 : 127.0;
        ck_assert(mho_node_conv(node)->adc_range);
        ck_assert(is_close(exp((double)*mho_node_values(node, MHO_ARRAY_ADC_LOG_RANGE)),
                           largest * (double)mho_plan_layer(mho_net_on_chip_plan(on_chip), m).step, 1e-5));
    }
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            ck_assert(memcmp(net->nodes[i].arrays[a].value,
                             mho_node_values(&made->nodes[i], net->nodes[i].arrays[a].role),
                             net->nodes[i].arrays[a].n * sizeof(float)) == 0);
    const int last = (int)made->n_nodes - 1;
    mho_node_array(&made->nodes[last], MHO_ARRAY_ADC_LOG_RANGE)->value[0] =
        2.5F; /* what is there stays, images or not */
    must(mho_net_calibrate_adc_ranges(made, &arrays.config, NULL, 0, 1, &kept, &error), &error);
    ck_assert(*mho_node_values(&kept->nodes[last], MHO_ARRAY_ADC_LOG_RANGE) == 2.5F);
    mho_net_destroy(kept);
    must_refuse(mho_net_calibrate_adc_ranges(net, &arrays.config, NULL, 0, 1, &kept, &error), &error, MHO_USAGE,
                "training images");
    mho_net_on_chip_destroy(on_chip);
    mho_lowered_net_destroy(program);
    mho_net_destroy(made);
    mho_net_destroy(net);
    free(images);
    array_close(&arrays);
}

/* Model files keep bits and ranges; matrices have them. */
TEST(files_and_matrices_have_ranges)
{
    MhoError error = {0};
    MhoRecord *record;
    MhoLoweredNet *program;
    ChipBench bench;
    MhoNet *back;
    chip_open(&bench, CHIP_LENET, "pcm", "uniform");
    ((MhoConvSettings *)(void *)chip_node(&bench, "conv2")->settings)->adc_bits = 6;
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(bench.net, record, &error), &error);
    must(mho_net_from_record(record, "m.h5", &back, &error), &error);
    must(mho_lowered_net_create(back, &program, &error), &error);
    ck_assert_uint_gt(program->n_matrices, 2);
    for (size_t m = 0; m < program->n_matrices; m++) {
        const MhoMatrix *matrix = &program->matrices[m];
        ck_assert_int_eq(matrix->adc_bits, strcmp(matrix->name, "conv2") == 0 ? 6 : 0);
        ck_assert(matrix->adc_range ==
                  mho_exp((double)*mho_node_values(chip_node(&bench, matrix->name), MHO_ARRAY_ADC_LOG_RANGE)));
    }
    mho_lowered_net_destroy(program);
    mho_net_destroy(back);
    mho_record_destroy(record);
    chip_close(&bench);
}

/* The mean over chips, each by the executor's own calls. */
TEST_LOOP(accuracy_is_the_mean_over_chips, 0, 2)
{
    enum { FIRST = 2, CHIPS = 3 };
    uint8_t labels[CHIP_CALIBRATION];
    float logits[CHIP_CALIBRATION * CHIP_CLASSES];
    double accuracy, loss, sum = 0.0, sum_loss = 0.0, first = 0.0;
    MhoError error = {0};
    MhoLoweredNet *program;
    MhoNetOnChip *on_chip;
    ChipBench bench;
    chip_open(&bench, CHIP_DENSE, "pcm", "uniform");
    bench.arrays.config.chip.range = _i == 0 ? MHO_RANGE_LEARNED : MHO_RANGE_CALIBRATED;
    bench.arrays.config.chip.time = 86400.0;
    bench.arrays.config.chip.noise = 3.0;
    for (int i = 0; i < CHIP_CALIBRATION; i++)
        labels[i] = (uint8_t)random_int(9, (uint64_t)i, 0, CHIP_CLASSES - 1);
    const MhoDataset set = {.n = CHIP_CALIBRATION,
                            .h = DENSE_SIDE,
                            .w = DENSE_SIDE,
                            .c = DENSE_CHANNELS,
                            .n_classes = CHIP_CLASSES,
                            .images = bench.images,
                            .labels = labels};
    const MhoDataset *calibration = _i == 0 ? NULL : &set;
    must(mho_lowered_net_create(bench.net, &program, &error), &error);
    must(plan_net(program, &bench.arrays.config, set.images, set.n, 1, &on_chip, &error), &error);
    for (uint32_t number = FIRST; number < FIRST + CHIPS; number++) {
        const AnalogRun options = {.threads = 1};
        const MhoCondition at = {.t = 86400.0, .temperature = 298.15};
        size_t hits;
        must(mho_net_on_chip_set(on_chip, number, at, NULL, &error), &error);
        must(run_analog(program, mho_net_on_chip_state(on_chip), set.images, set.n, &options, logits, &error), &error);
        mho_logits_score(logits, labels, set.n, CHIP_CLASSES, &hits, &loss);
        sum += (double)hits / CHIP_CALIBRATION / CHIPS;
        sum_loss += loss / CHIPS;
        first = number == FIRST ? loss : first;
    }
    must(mho_train_evaluate_chip(bench.net, &set, calibration, &bench.arrays.config, FIRST, CHIPS, 2, &accuracy, &loss,
                                 &error),
         &error);
    ck_assert(is_close(accuracy, sum, 1e-12) && is_close(loss, sum_loss, 1e-12) && !is_close(loss, first, 1e-6));
    mho_net_on_chip_destroy(on_chip);
    mho_lowered_net_destroy(program);
    chip_close(&bench);
}

/* The accuracy on chips refuses no chips and images of another shape. */
TEST(accuracy_on_chips_refuses)
{
    uint8_t labels[CHIP_CALIBRATION] = {0};
    MhoError error = {0};
    double accuracy, loss;
    ChipBench bench;
    chip_open(&bench, CHIP_DENSE, "pcm", "uniform");
    MhoDataset set = {.n = CHIP_CALIBRATION,
                      .h = DENSE_SIDE,
                      .w = DENSE_SIDE,
                      .c = DENSE_CHANNELS,
                      .n_classes = CHIP_CLASSES,
                      .images = bench.images,
                      .labels = labels};
    must_refuse(mho_train_evaluate_chip(bench.net, &set, NULL, &bench.arrays.config, 0, 0, 1, &accuracy, &loss, &error),
                &error, MHO_USAGE, "at least one");
    set.w++;
    must_refuse(mho_train_evaluate_chip(bench.net, &set, NULL, &bench.arrays.config, 0, 1, 1, &accuracy, &loss, &error),
                &error, MHO_USAGE, "4 x 5 x 3");
    set.w--;
    ((MhoConvSettings *)(void *)chip_node(&bench, "logits")->settings)->adc_range = false;
    must_refuse(mho_train_evaluate_chip(bench.net, &set, NULL, &bench.arrays.config, 0, 1, 1, &accuracy, &loss, &error),
                &error, MHO_USAGE, "logits has no learned converter range");
    bench.arrays.config.chip.range = MHO_RANGE_CALIBRATED;
    must_refuse(mho_train_evaluate_chip(bench.net, &set, NULL, &bench.arrays.config, 0, 1, 1, &accuracy, &loss, &error),
                &error, MHO_USAGE, "needs training images");
    chip_close(&bench);
}

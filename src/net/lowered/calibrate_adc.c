/* calibrate_adc.c - first values of the converter ranges that hardware-aware training learns.
 *
 * A range starts where calibration on the ideal chip puts it: range = step * largest code.
 */
#include "kernels/math.h"
#include "net/lowered/net_on_chip.h"
#include "net/transform/transform.h"

/* Ranges of `made` that `net` does not have. */
static MhoStatus calibrate_ranges(const MhoNet *net, const MhoChipConfig *config, const uint8_t *images, size_t n,
                                  int threads, MhoNet *made, MhoError *error)
{
    MhoChipConfig calibrated = *config;
    MhoLoweredNet *lowered = NULL;
    MhoNetOnChip *on_chip = NULL;
    MhoStatus status = mho_lowered_net_create(net, &lowered, error);
    calibrated.chip.range = MHO_RANGE_CALIBRATED;
    calibrated.chip.calibrate = MHO_CALIBRATE_IDEAL;
    if (status == MHO_OK)
        status = mho_net_on_chip_create(
            &(MhoNetOnChipInput){
                .net = lowered, .config = &calibrated, .calibration = images, .n_calibration = n, .threads = threads},
            &on_chip, error);
    for (size_t m = 0; status == MHO_OK && m < lowered->n_matrices; m++) {
        const int node = mho_net_find(net, lowered->matrices[m].name);
        const MhoLayerPlan layer = mho_plan_layer(mho_net_on_chip_plan(on_chip), m);
        if (node >= 0 && mho_node_lacks_adc_range(&net->nodes[node]))
            *mho_node_array(&made->nodes[node], MHO_ARRAY_ADC_LOG_RANGE)->value =
                (float)mho_ln((double)layer.step * layer.largest_code);
    }
    mho_net_on_chip_destroy(on_chip);
    mho_lowered_net_destroy(lowered);
    return status;
}

MhoStatus mho_net_calibrate_adc_ranges(const MhoNet *net, const MhoChipConfig *config, const uint8_t *images, size_t n,
                                       int threads, MhoNet **made, MhoError *error)
{
    MhoNet *with = NULL;
    bool any = false;
    MhoStatus status = mho_net_add_adc_ranges(net, &with, error);
    *made = NULL;
    for (size_t i = 0; i < net->n_nodes; i++)
        any = any || mho_node_lacks_adc_range(&net->nodes[i]);
    if (status == MHO_OK && any)
        status = calibrate_ranges(net, config, images, n, threads, with, error);
    if (status != MHO_OK) {
        mho_net_destroy(with);
        return status;
    }
    *made = with;
    return MHO_OK;
}

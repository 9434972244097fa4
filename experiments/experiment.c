/* experiment.c - the analysis of an experiment's result, and its answer in words. */
#include "experiments/experiment.h"

#include <stdlib.h>

MhoStatus experiment_analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error)
{
    MhoStatus status = MHO_OK;
    if (mho_experiment.comparison) {
        MhoResultPoints points;
        MhoComparison comparison = *mho_experiment.comparison;
        if (comparison.over && !mho_record_array(result, comparison.over))
            comparison.over = NULL;
        status = mho_result_points_read(result, &points, error);
        if (status == MHO_OK)
            status = mho_comparison_add(&points, &comparison, analysis, error);
    }
    return status == MHO_OK && mho_experiment.analyse ? mho_experiment.analyse(result, analysis, error) : status;
}

static void print_finding(const MhoRecord *result, FILE *out)
{
    const MhoRecord *analysis = mho_record_find(result, "summary/analysis");
    fprintf(out, "%s\n", mho_experiment.headline);
    if (mho_experiment.comparison && !(analysis && mho_comparison_is_table(analysis))) {
        fprintf(out, "  The result has no table of a comparison (group summary/analysis).\n");
        return;
    }
    if (mho_experiment.comparison)
        mho_comparison_print(analysis, out);
    if (mho_experiment.print)
        mho_experiment.print(result, out);
}

char *experiment_finding(const MhoRecord *result)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    print_finding(result, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

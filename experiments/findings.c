/* findings.c - tables of comparisons into and out of a result. */
#include "experiments/findings.h"

#include <stdlib.h>

MhoStatus findings_compare(const MhoRecord *result, const MhoComparison *comparison, MhoRecord *analysis,
                           MhoError *error)
{
    MhoResultPoints points;
    MhoComparison used = *comparison;
    if (used.over && !mho_record_array(result, used.over))
        used.over = NULL;
    MhoStatus status = mho_result_points_read(result, &points, error);
    return status == MHO_OK ? mho_comparison_add(&points, &used, analysis, error) : status;
}

char *findings_print(const MhoRecord *result, const char *headline, void (*more)(const MhoRecord *analysis, FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    const MhoRecord *analysis = mho_record_find(result, "summary/analysis");
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "%s\n", headline);
    const bool readable = analysis && mho_comparison_is_table(analysis);
    if (!readable)
        fprintf(out, "  The result holds no table of a comparison.\n");
    else
        mho_comparison_print(analysis, out);
    if (readable && more)
        more(analysis, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

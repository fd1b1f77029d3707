
/*
 * Gives files to a fuzz target, so that a compiler without libFuzzer can run
 * what was found once.
 */


#include "../fuzz.h"


#define FILE_MAX  65536


int
main(int argc, char **argv)
{
    int       i;
    FILE     *file;
    size_t    n;
    uint8_t  *data, *copy;

    data = malloc(FILE_MAX);
    fuzz_check(data != NULL);

    for (i = 1; i < argc; i++) {

        /* what a crash is about is the last line */

        fprintf(stderr, "%s\n", argv[i]);

        file = fopen(argv[i], "rb");
        fuzz_check(file != NULL);

        n = fread(data, 1, FILE_MAX, file);
        fuzz_check(n < FILE_MAX && !ferror(file));
        fclose(file);

        copy = fuzz_copy(data, n);
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }

    free(data);
    printf("%d inputs\n", argc - 1);

    return 0;
}

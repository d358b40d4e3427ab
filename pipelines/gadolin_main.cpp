#include "pipelines/command.h"

int main(int argc, char** argv) { return pipelines::run(argc, argv); }

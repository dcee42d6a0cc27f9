// The mesh and the queries that winding.lua wrote, and the words that it asks, as mesh.py and peer.py have them.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <malloc.h>
#include <map>
#include <sstream>
#include <string>
#include <vector>

template <class T> std::vector<T> read_array(const std::string &name)
{
    std::ifstream file(name, std::ios::binary | std::ios::ate);
    std::vector<T> out(static_cast<size_t>(file.tellg()) / sizeof(T));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
    return out;
}

inline double resident()
{
    malloc_trim(0);
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;)
        if (word == "VmRSS:" && file >> word)
            return std::atof(word.c_str()) * 1024;
    return 0;
}

inline double cpu_seconds()
{
    return static_cast<double>(clock()) / CLOCKS_PER_SEC;
}

// build(): makes what is asked. ask(q, count, out): 1 for each query that is inside, else 0.
inline int serve(const std::function<void()> &build, const std::function<void(const float *, size_t, float *)> &ask)
{
    std::map<std::string, std::vector<float>> sets;
    for (const char *name : {"random", "near", "lattice", "checked"})
        sets[name] = read_array<float>(name);
    std::vector<float> out(sets["lattice"].size() + sets["random"].size());
    const double before = resident();
    build();
    const double kept = resident() - before;
    const auto all = [&](const std::string &name) { ask(sets[name].data(), sets[name].size() / 3, out.data()); };
    std::cout << "{\"ready\": 1}" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string word;
        size_t size = 0, calls = 0;
        words >> word >> size >> calls;
        const auto start = std::chrono::steady_clock::now();
        const double cpu = cpu_seconds();
        if (word == "build" || word == "lattice")
            build();
        for (size_t i = 0; word == "batch" && i < calls; i++)
            ask(sets["random"].data() + 3 * size * i, size, out.data());
        if (sets.count(word))
            all(word);
        const double used = cpu_seconds() - cpu;
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        if (word == "checked")
            std::ofstream("winding", std::ios::binary)
                .write(reinterpret_cast<const char *>(out.data()),
                       static_cast<std::streamsize>(sets[word].size() / 3 * sizeof(float)));
        std::cout << "{\"seconds\": " << took.count() << ", \"cpu\": " << used << ", \"kept\": " << kept << "}"
                  << std::endl;
    }
    return 0;
}

"""Which assembly a file is on, told by the lengths of its contigs. Pure Python."""

from __future__ import annotations

from collections.abc import Mapping

# bases of chromosomes 1, 2, ..., X, Y
# fmt: off
_LENGTHS = {
    "GRCh37": (
        249_250_621, 243_199_373, 198_022_430, 191_154_276, 180_915_260, 171_115_067,
        159_138_663, 146_364_022, 141_213_431, 135_534_747, 135_006_516, 133_851_895,
        115_169_878, 107_349_540, 102_531_392, 90_354_753, 81_195_210, 78_077_248,
        59_128_983, 63_025_520, 48_129_895, 51_304_566, 155_270_560, 59_373_566,
    ),
    "GRCh38": (
        248_956_422, 242_193_529, 198_295_559, 190_214_555, 181_538_259, 170_805_979,
        159_345_973, 145_138_636, 138_394_717, 133_797_422, 135_086_622, 133_275_309,
        114_364_328, 107_043_718, 101_991_189, 90_338_345, 83_257_441, 80_373_285,
        58_617_616, 64_444_167, 46_709_983, 50_818_468, 156_040_895, 57_227_415,
    ),
    "T2T-CHM13v2.0": (
        248_387_328, 242_696_752, 201_105_948, 193_574_945, 182_045_439, 172_126_628,
        160_567_428, 146_259_331, 150_617_247, 134_758_134, 135_127_769, 133_324_548,
        113_566_686, 101_161_492, 99_753_195, 96_330_374, 84_276_897, 80_542_538,
        61_707_364, 66_210_255, 45_090_682, 51_324_926, 154_259_566, 62_460_029,
    ),
    "GRCm38": (
        195_471_971, 182_113_224, 160_039_680, 156_508_116, 151_834_684, 149_736_546,
        145_441_459, 129_401_213, 124_595_110, 130_694_993, 122_082_543, 120_129_022,
        120_421_639, 124_902_244, 104_043_685, 98_207_768, 94_987_271, 90_702_639,
        61_431_566, 171_031_299, 91_744_698,
    ),
    "GRCm39": (
        195_154_279, 181_755_017, 159_745_316, 156_860_686, 151_758_149, 149_588_044,
        144_995_196, 130_127_694, 124_359_700, 130_530_862, 121_973_369, 120_092_757,
        120_883_175, 125_139_656, 104_073_951, 98_008_968, 95_294_699, 90_720_763,
        61_420_004, 169_476_592, 91_455_967,
    ),
}
# fmt: on
ASSEMBLIES: Mapping[str, Mapping[str, int]] = {
    assembly: dict(zip([*map(str, range(1, len(lengths) - 1)), "X", "Y"], lengths, strict=True))
    for assembly, lengths in _LENGTHS.items()
}
"""Assembly -> its primary chromosome, without "chr" -> its length in bases.

The mitochondrion is left out: GRCh37 and hg19, which are one assembly in all else, differ in it.

Source
------
NCBI assembly reports, "assembled-molecule" rows of the primary assembly: GCA_000001405.1 (GRCh37,
UCSC hg19), GCA_000001405.15 (GRCh38, hg38), GCA_009914755.4 (T2T-CHM13v2.0, hs1), GCA_000001635.2
(GRCm38, mm10), GCA_000001635.9 (GRCm39, mm39); UCSC's chrom.sizes have the same numbers. Patches
do not change them.
"""


def guess_assembly(lengths: Mapping[str, int | None]) -> str | None:
    """Return the assembly that most of the primary chromosomes have the lengths of, or None.

    None where no known assembly agrees with more than half of them: no chromosome is given with
    its length, they are cut or of another genome, or they contradict each other.

    Parameters
    ----------
    lengths
        Contig, with or without "chr", -> length in bases, None where it is not known. Contigs
        that are no primary chromosome of an assembly (chrM, chrUn_..., scaffolds) say nothing.
    """
    bare = ((name.removeprefix("chr"), n) for name, n in lengths.items() if n is not None)
    primary = [pair for pair in bare if any(pair[0] in known for known in ASSEMBLIES.values())]
    for assembly, known in ASSEMBLIES.items():
        agree = sum(known.get(name) == n for name, n in primary)
        if 2 * agree > len(primary):
            return assembly  # no other can have more than half
    return None

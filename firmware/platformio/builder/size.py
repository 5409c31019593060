"""Prints flash and RAM of an ELF file: python size.py firmware.elf"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from tinydeploy.stages import image

sizes = image.sizes_of(Path(sys.argv[1]))
print(f"flash  {sizes.flash_bytes:8}")
print(f"ram    {sizes.all_ram_bytes:8}")
for name, size in (*sizes.flash_breakdown, *sizes.ram_breakdown):
    print(f"  {name:<14} {size:8}")

*** Comments ***
Run by `renode-test boards/sparkfun_edge/sparkfun_edge.robot` after
`tinydeploy build --mode mlperf --model sine --board sparkfun_edge`. Ran on Renode 1.16.1; the conversation below is
replayed in tinydeploy's own simulator by tests/renode.

*** Variables ***
${BOARD}                sparkfun_edge
${ELF}                  ${CURDIR}/../../build/sine/${BOARD}/mlperf-raw/firmware/firmware.elf

*** Test Cases ***
Firmware Boots And Infers
    ${image}=                   Evaluate    $ELF.replace(" ", "\\ ")
    ${script}=                  Evaluate    ($CURDIR + "/" + $BOARD + ".resc").replace(" ", "\\ ")
    Execute Command             $elf=@${image}
    Execute Command             include @${script}
    Create Terminal Tester      sysbus.uart0    timeout=10
    Start Emulation

    Wait For Line On Uart       m-init-done
    Wait For Line On Uart       m-ready

    Write To Uart               name%
    Wait For Line On Uart       m-name-dut-[tinydeploy]
    Wait For Line On Uart       m-ready

    Write To Uart               profile%
    Wait For Line On Uart       m-model-[sine]
    Wait For Line On Uart       m-ready

    Write To Uart               db load 1%
    Wait For Line On Uart       m-[Expecting 1 bytes]
    Wait For Line On Uart       m-ready

    Write To Uart               db 80%
    Wait For Line On Uart       m-load-done
    Wait For Line On Uart       m-ready

    Write To Uart               infer 1 0%
    Wait For Line On Uart       m-infer-done
    Wait For Line On Uart       m-results-[0.042]
    Wait For Line On Uart       m-ready
